// While a long page loads, its sections below the screen wait (see book.css). Then they are laid out one after another,
// when the browser has nothing else to do; all at once, where something needs to know their heights.
const whenIdle = window.requestIdleCallback || ((work) => setTimeout(() => work({ timeRemaining: () => 0 }), 20));
const root = document.documentElement;
const sections = [...document.querySelectorAll("article > section > section[id]")];
const layOutAll = () => root.classList.remove("sections-wait");
const layOutNext = () => {
  const section = sections.shift();
  if (!section || !root.classList.contains("sections-wait")) {
    layOutAll();
    measureAll();
    return;
  }
  section.style.contentVisibility = "visible";
  section.getBoundingClientRect();
  whenIdle(layOutNext);
};
addEventListener("load", () => whenIdle(layOutNext));
addEventListener("click", layOutAll, true);

// A figure in steps shows one after another: its file hides what comes after the step that its address ends with.
const inSteps = (figure) => {
  const [image, [previous, next], count] = [
    figure.querySelector("img"),
    figure.querySelectorAll("button"),
    figure.querySelector("output"),
  ];
  const last = Number(figure.dataset.steps);
  const whole = image.getAttribute("src");
  let step = 1;
  const show = () => {
    image.src = `${whole}#show-${step}`;
    count.textContent = figure.dataset.count.replace("#", step);
    previous.setAttribute("aria-disabled", step === 1);
    next.setAttribute("aria-disabled", step === last);
  };
  const go = (by) => {
    step = Math.min(Math.max(step + by, 1), last);
    show();
  };
  previous.addEventListener("click", () => go(-1));
  next.addEventListener("click", () => go(1));
  figure.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(by);
  });
  addEventListener("beforeprint", () => (image.src = whole));
  addEventListener("afterprint", show);
  show();
};
document.querySelectorAll("figure.steps").forEach(inSteps);
// A live page draws more of them.
document.addEventListener("steps-drawn", ({ target }) => inSteps(target));

// On paper the page is light, and what is folded or further down is printed, too.
addEventListener("beforeprint", () => {
  layOutAll();
  const { theme } = root.dataset;
  root.dataset.theme = "light";
  addEventListener("afterprint", () => (root.dataset.theme = theme), { once: true });
  for (const figure of document.images) figure.loading = "eager";
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    addEventListener("afterprint", () => (folded.open = false), { once: true });
  }
});

// Code and tables that are wider than the page take the focus, so that the arrow keys scroll them. They are measured
// when the browser has nothing else to do: measuring all at once would block the page.
const WIDE = "article pre, .pst-scrollable-table-container, div.math";
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
  if (root.classList.contains("sections-wait")) return;
  if (!waiting.length) whenIdle(measure);
  waiting = [...document.querySelectorAll(WIDE)];
};
addEventListener("resize", measureAll);
for (const kind of ["click", "toggle"]) document.addEventListener(kind, measureAll, true);

// Sphinx's link that takes the marks of a search away is a script in an address, which a policy may forbid.
addEventListener("click", (event) => {
  if (!event.target.closest?.(".highlight-link a")) return;
  event.preventDefault();
  SphinxHighlight.hideSearchWords();
});
