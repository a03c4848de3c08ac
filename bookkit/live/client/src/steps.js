// A drawing in steps, in the form that theme/extensions/steps.py gives those of the book: book.js shows them.

import { words } from "./words.js";

const GROUP = /\bid="(?<name>step-(?<step>[1-9]\d*)(?:-[\w-]+)?)"/g;

const groups = (svg) => [...svg.matchAll(GROUP)].map(({ groups: { name, step } }) => ({ name, step: Number(step) }));

// The number of the last step of a drawing; 0 if it has none.
export const lastStep = (svg) => Math.max(0, ...groups(svg).map(({ step }) => step));

// The drawing, in which the target of each step hides what comes later.
export function withTargets(svg) {
  const numbers = Array.from({ length: lastStep(svg) }, (_, index) => index + 1);
  const hidden = numbers.flatMap((number) =>
    groups(svg)
      .filter(({ step }) => step > number)
      .map(({ name }) => `#show-${number}:target ~ * #${name}`),
  );
  const targets = numbers.map((number) => `<g id="show-${number}"/>`).join("");
  return svg.replace(/<svg\b[^>]*>/, (root) => `${root}<style>${hidden}{visibility:hidden}</style>${targets}`);
}

function button(label) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: "btn btn-sm", textContent: label });
  return made;
}

// A figure around an image of `last` steps. It must be on the page before `begin`.
export function inSteps(image, last) {
  const figure = document.createElement("figure");
  figure.className = "steps";
  figure.setAttribute("aria-label", words.inSteps(last));
  Object.assign(figure.dataset, { steps: last, count: words.stepOf(last) });
  const controls = document.createElement("div");
  controls.className = "step-controls";
  const said = document.createElement("output");
  said.setAttribute("aria-live", "polite");
  controls.append(button(words.previous), button(words.next), said);
  figure.append(image, controls);
  return figure;
}

export const begin = (figure) => figure.dispatchEvent(new CustomEvent("steps-drawn", { bubbles: true }));
