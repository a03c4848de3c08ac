// The server that the page came from. Everything else finds it here.

// main.js lies in <base>live/_client/.
export const place = new URL("../", import.meta.url);
export const base = new URL("../", place);
export const page = location.pathname.slice(place.pathname.length).replace(/\.html$/, "");

// A page of a server that wants a login is answered with the login page.
export class RefusedError extends Error {}

// A server that answers, and no socket to it is let through.
export class ShutError extends Error {}

const cookie = (name) => document.cookie.split("; ").findLast((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);

export async function ask(path, options = {}) {
  const headers = { "X-XSRFToken": cookie("_xsrf") ?? "" };
  const answer = await fetch(new URL(path, base), { credentials: "same-origin", redirect: "manual", headers, ...options });
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) throw new RefusedError();
  return answer;
}
