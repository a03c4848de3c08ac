// What the reader wrote, kept in the browser for each cell until he puts the book's code back.

import { base, page } from "./server.js";

const key = (id) => `live:${base.pathname}:${page}:${id}`;

export function read(id) {
  try {
    return localStorage.getItem(key(id));
  } catch {
    return null;
  }
}

// Tell whether it could be kept.
export function keep(id, code) {
  try {
    if (code === null) localStorage.removeItem(key(id));
    else localStorage.setItem(key(id), code);
    return true;
  } catch {
    return false;
  }
}
