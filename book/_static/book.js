// What is folded or further down is printed, too.
addEventListener("beforeprint", () => {
  for (const figure of document.images) figure.loading = "eager";
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    addEventListener("afterprint", () => (folded.open = false), { once: true });
  }
});

// Code and tables that are wider than the page take the focus, so that the arrow keys scroll them. They are measured
// when the browser has nothing else to do: measuring all at once would block the page.
const WIDE = "article pre, .pst-scrollable-table-container, div.math";
const whenIdle = window.requestIdleCallback || ((work) => setTimeout(() => work({ timeRemaining: () => 0 }), 20));
let waiting = [];
const measure = (idle) => {
  do {
    const block = waiting.shift();
    if (!block) return;
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
    else block.removeAttribute("tabindex");
  } while (idle.timeRemaining() > 1);
  whenIdle(measure);
};
const measureAll = () => {
  if (!waiting.length) whenIdle(measure);
  waiting = [...document.querySelectorAll(WIDE)];
};
addEventListener("load", measureAll);
addEventListener("resize", measureAll);
for (const kind of ["click", "toggle"]) document.addEventListener(kind, measureAll, true);
