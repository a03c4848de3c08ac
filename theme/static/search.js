// An excerpt is taken from the section that was found, or from the whole page, when the result comes into view.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
Search.htmlToText = (text, anchor) => {
  const page = new DOMParser().parseFromString(text, "text/html");
  return ((anchor && page.querySelector(anchor)?.closest("section")) || page.body).textContent;
};
const addExcerpt = async (result) => {
  const { pathname, hash } = result.querySelector("a");
  const response = await fetch(pathname.replace(/html$/, "txt"));
  const [query, terms, , marked] = Search._parseQuery(new URLSearchParams(location.search).get("q").toLowerCase());
  result.append(Search.makeSearchSummary(await response.text(), [...terms, query], hash));
  for (const term of [query, ...marked]) _highlightText(result, term, "highlighted");
};
const inView = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    inView.unobserve(target);
    addExcerpt(target);
  }
});
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes) if (node.tagName === "LI") inView.observe(node);
}).observe(document.getElementById("search-results"), { childList: true, subtree: true });

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
