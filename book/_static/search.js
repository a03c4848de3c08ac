// The search page: an excerpt is taken from the section that was found, or the page, and not from its buttons.
const textOfPage = Search.htmlToText;
Search.htmlToText = (html, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  const found = anchor && page.querySelector(anchor)?.closest("section");
  return textOfPage(`<div role="main">${(found || page.querySelector("article")).innerHTML}</div>`);
};

// A message of MXNet that somebody pastes is longer than the part of it that stands in the index.
const answer = Search.query;
Search.query = (query) => {
  const entries = Search._index.indexentries;
  const pasted = query.toLowerCase().trim();
  for (const [entry, places] of Object.entries(entries)) {
    if (entry.length > 20 && pasted.includes(entry.toLowerCase())) entries[pasted] = places;
  }
  answer(query);
};
