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
    return localStorage.getItem(key(id)) === code;
  } catch {
    return false;
  }
}

// Whether this tab had a kernel on this page, which ended when the page was left.

export function hadKernel() {
  try {
    return sessionStorage.getItem(key("kernel")) !== null;
  } catch {
    return false;
  }
}

export function noteKernel(there) {
  try {
    if (there) sessionStorage.setItem(key("kernel"), "");
    else sessionStorage.removeItem(key("kernel"));
  } catch {
    // Then the reader is not told.
  }
}
