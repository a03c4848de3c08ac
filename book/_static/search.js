// The search page: look at the text of a page alone, not at its buttons.
const textOfPage = Search.htmlToText;
Search.htmlToText = (page, anchor) => {
  const article = new DOMParser().parseFromString(page, "text/html").querySelector("article");
  return textOfPage(`<div role="main">${article.innerHTML}</div>`, anchor);
};
