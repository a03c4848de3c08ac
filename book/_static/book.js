// What is folded or further down is printed, too.
addEventListener("beforeprint", () => {
  for (const figure of document.images) figure.loading = "eager";
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    addEventListener("afterprint", () => (folded.open = false), { once: true });
  }
});
