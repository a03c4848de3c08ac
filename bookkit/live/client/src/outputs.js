// The outputs of a cell: put on the page as they arrive, in the form in which the book shows its own, and compared.
//
// Nothing that a kernel sends becomes HTML: text is text, and a drawing is an image, in which no script runs.

import { begin, inSteps, lastStep, withTargets } from "./steps.js";
import { words } from "./words.js";

export const MOST = 200_000; // characters of one cell, as in bookkit/notebooks/files.py
const SVG = "image/svg+xml";
const PNG = "image/png";
const TEXT = "text/plain";
// What terminals take for colours and movements.
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const SERVER_LIMIT = /^\s*IOPub (data|message) rate exceeded/;

// Return text as a terminal shows it: without colours, and what was overwritten is gone.
export function plain(text) {
  return text
    .replace(ESCAPES, "")
    .replace(/\r+\n/g, "\n")
    .replace(/[^\n]*\r(?=[^\n])/g, "")
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
}

// As HTML reads the text of a <pre>: without an empty line at its beginning.
const begun = (text) => text.replace(/^\n/, "");

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The book's own form of text: <div class="output …"><div class="highlight"><pre>.
function block(kind) {
  const outer = element("div", `output ${kind} notranslate`);
  const inner = element("div", "highlight");
  const pre = element("pre", "");
  inner.append(pre);
  outer.append(inner);
  return [outer, pre];
}

const PIXELS = { pt: 4 / 3, px: 1, "": 1 };

// The width or height that a drawing says of itself. It is not parsed: a handler in it would be set, and refused aloud.
function pixels(svg, side) {
  const [root] = /<svg\b[^>]*>/.exec(svg) ?? [""];
  const [, number, unit] = new RegExp(`\\s${side}="([\\d.]+)(pt|px|)"`).exec(root) ?? [];
  return number ? Math.round(number * PIXELS[unit]) : null;
}

function drawing(svg, alt) {
  const image = element("img", "");
  const [width, height] = [pixels(svg, "width"), pixels(svg, "height")];
  if (width && height) Object.assign(image, { width, height });
  image.alt = alt;
  const last = lastStep(svg);
  image.src = URL.createObjectURL(new Blob([last > 1 ? withTargets(svg) : svg], { type: SVG }));
  return last > 1 ? inSteps(image, last) : image;
}

// What of an output is compared: as the notebooks store it (bookkit/notebooks/normal.py).
export function essence(output) {
  if (output.output_type === "stream") return [output.name, output.text];
  if (output.output_type === "error") return ["error", `${output.ename}: ${output.evalue}`];
  return [output.output_type, output.data[TEXT] ?? "", output.data[SVG] ?? ""];
}

export const same = (one, other) => JSON.stringify(essence(one)) === JSON.stringify(essence(other));

export class Outputs {
  // `book` has the outputs that the book stores, and `shown` the element of each.
  constructor(place, book, shown) {
    Object.assign(this, { place, book, shown });
    this.alt = place.querySelector("img")?.alt ?? words.figure;
  }

  clear() {
    for (const image of this.place.querySelectorAll("img[src^='blob:']")) URL.revokeObjectURL(image.src);
    this.place.replaceChildren();
    this.all = [];
    this.size = 0;
    this.due = false;
    this.cut = false;
  }

  // Take what the kernel says; tell whether it may go on.
  take(kind, content) {
    if (this.cut) return false;
    if (kind === "clear_output") {
      if (content.wait) this.due = true;
      else this.clear();
      return true;
    }
    const output = this.understood(kind, content);
    if (!output) return true;
    if (this.due) this.clear();
    if (output.output_type === "stream" && SERVER_LIMIT.test(output.text)) this.cut = true;
    else this.add(output);
    return !this.cut;
  }

  understood(kind, { name, text, ename, evalue, traceback, data }) {
    if (kind === "stream") return { output_type: kind, name, text };
    if (kind === "error") return { output_type: kind, ename, evalue, traceback };
    if (kind === "display_data" || kind === "execute_result") return { output_type: kind, data };
    return null;
  }

  add(output) {
    const last = this.all.at(-1);
    this.size += JSON.stringify(output).length;
    if (this.size > MOST) {
      this.cut = true;
      if (output.output_type !== "stream") return;
      output.text = output.text.slice(0, MOST);
    }
    if (output.output_type === "stream" && last?.name === output.name) {
      last.text += output.text;
      this.write(this.pre, last, output.text);
      return;
    }
    this.all.push(output);
    const view = this.view(output);
    const isNew = !this.shown.includes(view);
    this.place.append(view);
    if (isNew && view.matches("figure.steps")) begin(view);
  }

  write(pre, whole, added) {
    if (/[\r\x1b]/.test(whole.text)) pre.textContent = begun(plain(whole.text));
    else pre.append(pre.textContent ? plain(added) : begun(plain(added)));
  }

  view(output) {
    const stored = this.book[this.all.length - 1];
    const shown = this.shown[this.all.length - 1];
    if (output.output_type === "stream") {
      const [outer, pre] = block(`${output.name === "stderr" ? "stderr" : "stream"} highlight-myst-ansi`);
      this.pre = pre;
      this.write(pre, output, output.text);
      return outer;
    }
    if (output.output_type === "error") return this.error(output);
    // A drawing in steps keeps what leads from one to the next.
    if (output.data[SVG] && stored && shown && same(output, stored)) return shown;
    if (output.data[SVG]) return drawing(output.data[SVG], words.figure);
    if (output.data[PNG]) {
      const image = element("img", "");
      image.alt = stored && same(output, stored) ? this.alt : words.figure;
      image.src = `data:${PNG};base64,${output.data[PNG].replace(/[^\w+/=]/g, "")}`;
      return image;
    }
    const [outer, pre] = block("text_plain highlight-myst-ansi");
    pre.textContent = begun(plain(output.data[TEXT] ?? ""));
    return outer;
  }

  error({ ename, evalue }) {
    const [outer, pre] = block("traceback highlight-ipythontb");
    pre.append(element("span", "ne", plain(ename)), `: ${plain(evalue)}`);
    return outer;
  }

  get failed() {
    return this.all.some((output) => output.output_type === "error");
  }

  isTheBooks() {
    return this.all.length === this.book.length && this.all.every((output, number) => same(output, this.book[number]));
  }

  // Mark the lines of text that are not the book's.
  mark() {
    const theirs = new Set(this.book.flatMap((output) => essence(output)[1].split("\n")));
    for (const pre of this.place.querySelectorAll(".output pre")) {
      const lines = pre.textContent.split(/(?<=\n)/);
      pre.replaceChildren(
        ...lines.map((line) => (theirs.has(line.replace(/\n$/, "")) ? line : element("mark", "", line))),
      );
    }
  }

  // Show where an error came from, folded: the book shows its last line alone.
  explain() {
    const error = this.all.find((output) => output.output_type === "error");
    if (!error?.traceback?.length) return;
    const fold = element("details", "live-fold");
    const [outer, pre] = block("traceback highlight-ipythontb");
    pre.textContent = plain(error.traceback.join("\n"));
    fold.append(element("summary", "", words.traceback), outer);
    this.place.append(fold);
  }
}
