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

// A part of the index, as theme/extensions/search.py makes them, comes when a word of a query stands in it.
const coming = {};
const load = (part) =>
  (coming[part] ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = `searchindex-${part}.js?v=${Search._index.version}`;
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  }));
const partsOf = (query) => {
  const [, wanted, unwanted] = Search._parseQuery(query);
  const chinese = [...wanted, ...unwanted].filter((word) => word >= "\u4e00" && word < "\ua000");
  const parts = chinese.map((word) => word.codePointAt(0) % PARTS);
  return new Set(parts.filter((part) => Search._index.parts.includes(part)));
};

// A message of MXNet that somebody pastes is longer than the part of it that stands in the index.
const answer = Search.query;
Search.query = async (query) => {
  await Promise.all([...partsOf(query)].map(load));
  const entries = Search._index.indexentries;
  const pasted = query.toLowerCase().trim();
  for (const [entry, places] of Object.entries(entries)) {
    if (entry.length > 20 && pasted.includes(entry.toLowerCase())) entries[pasted] = places;
  }
  answer(query);
};
