// The workbench: the cells of a page, the order in which they run, and the bar that says how things stand.

import { Cell } from "./cell.js";
import * as kept from "./kept.js";
import { coded } from "./coded.js";
import { ask, page, RefusedError, ShutError } from "./server.js";
import { words } from "./words.js";

const QUIET = 5000; // milliseconds without a run, after which the server may have ended the kernel
const PROBE = 3000; // milliseconds between two looks for a server that does not answer

function scratch(exercise, answer) {
  const element = document.createElement("div");
  element.className = "cell live-scratch";
  element.innerHTML = `<p class="live-try"></p><div class="cell_input"><div class="highlight"><pre></pre></div></div>`;
  element.querySelector(".live-try").textContent = words.try;
  if (answer) {
    const asks = document.createElement("p");
    asks.className = "live-asks";
    asks.append(...coded(words.asks(answer.asks)));
    element.querySelector(".live-try").after(asks);
  }
  exercise.append(element);
  return element;
}

// Return the word for why there is no kernel.
function reason(error) {
  if (error instanceof RefusedError) return "refused";
  if (error instanceof ShutError) return "shut";
  return error instanceof TypeError ? "gone" : "failed";
}

export class Bench {
  constructor() {
    this.kernel = null;
    this.due = []; // cells that the reader wants to run
    this.at = null; // the cell that runs
    this.history = []; // cells of the book as the kernel ran them, null for anything else
  }

  async begin() {
    const { cells, answers } = await (await ask(`live/_cells/${page}`)).json();
    const elements = [...document.querySelectorAll("article .cell:has(> .cell_input, > details > .cell_input)")];
    if (elements.length !== cells.length) throw new Error(`${elements.length} cells on the page, ${cells.length} in its notebook`);
    this.book = elements.map((element, number) => new Cell(element, cells[number].id, number + 1, cells[number], this));
    this.tries = [...document.querySelectorAll(".exercise.admonition")].map((exercise) => {
      const answer = answers.find((each) => each.exercise === exercise.id);
      return new Cell(scratch(exercise, answer), `try:${exercise.id}`, 0, null, this, answer);
    });
    this.addBar();
    addEventListener("pagehide", () => this.leave());
  }

  // The bar

  addBar() {
    this.bar = document.createElement("div");
    this.bar.className = "live-bar d-print-none";
    this.bar.role = "region";
    this.bar.ariaLabel = words.python;
    this.bar.tabIndex = -1;
    this.state = document.createElement("span");
    this.state.role = "status";
    this.clock = document.createElement("span");
    this.clock.ariaHidden = "true";
    const add = (label, work) => {
      const made = document.createElement("button");
      Object.assign(made, { type: "button", className: "btn btn-sm", textContent: label, hidden: true });
      made.addEventListener("click", work);
      return made;
    };
    this.interruptButton = add(words.interrupt, () => this.interrupt());
    this.restartButton = add(words.restart, () => this.restart());
    this.reconnectButton = add(words.reconnect, () => this.probe());
    this.bar.append(this.state, this.clock, this.interruptButton, this.restartButton, this.reconnectButton);
    document.querySelector("article").after(this.bar);
    this.tell(kept.hadKernel() ? "left" : "idle");
    kept.noteKernel(false);
  }

  // Say how things stand: one of the words, with the seconds since then where it may take some.
  tell(state) {
    const held = document.activeElement;
    this.bar.dataset.state = state;
    const timed = ["starting", "busy", "restarting"].includes(state);
    this.state.textContent = words[state];
    this.clock.textContent = "";
    clearInterval(this.ticking);
    const since = Date.now();
    if (timed) {
      this.ticking = setInterval(() => (this.clock.textContent = words.seconds(Math.round((Date.now() - since) / 1000))), 1000);
    }
    this.interruptButton.hidden = state !== "busy";
    this.restartButton.hidden = !(this.kernel || state === "failed") || ["starting", "restarting", "gone", "refused"].includes(state);
    this.reconnectButton.hidden = !["gone", "refused"].includes(state);
    if (held.hidden && this.bar.contains(held)) this.bar.focus(); // or the focus would be lost with the button
  }

  storageIsFull() {
    if (this.toldFull) return;
    this.toldFull = true;
    const line = document.createElement("p");
    line.className = "live-full";
    line.role = "alert";
    line.textContent = words.full;
    this.bar.prepend(line);
  }

  // What runs

  // Return the cells that must have run before a cell.
  above(cell) {
    if (!cell.book) {
      const before = (other) => other.element.compareDocumentPosition(cell.element) & Node.DOCUMENT_POSITION_FOLLOWING;
      return this.book.filter((other) => before(other) && !other.isInSolution);
    }
    const before = this.book.slice(0, this.book.indexOf(cell));
    return before.filter((other) => cell.book.entry === null || other.book.entry === null || other.book.entry === cell.book.entry);
  }

  after(cell) {
    const all = [...this.book, ...this.tries].sort((one, other) =>
      one.element.compareDocumentPosition(other.element) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1,
    );
    return all.slice(all.indexOf(cell) + 1).find((other) => other.isSeen);
  }

  run(cell) {
    if (this.due.includes(cell)) return;
    this.due.push(cell);
    cell.wait();
    this.work();
  }

  async runUpTo(cell) {
    for (const other of this.above(cell)) other.ran = null;
    this.run(cell);
  }

  async work() {
    if (this.working) return;
    this.working = true;
    try {
      while (this.due.length && (await this.ready())) await this.runWithAbove(this.due[0]);
      this.giveUp();
    } finally {
      this.working = false;
    }
  }

  // Have a kernel; tell whether there is one.
  async ready() {
    await this.renewing;
    if (this.kernel?.reached && performance.now() - this.used > QUIET && (await this.kernel.isEnded())) this.drop();
    if (this.kernel) return this.kernel.reached;
    this.tell("starting");
    try {
      const { Kernel } = await import("./kernel.js");
      this.kernel = await Kernel.start((what) => this.hear(what));
      kept.noteKernel(true);
      this.forget();
      this.tell("ready");
      return true;
    } catch (error) {
      this.giveUp();
      const state = reason(error);
      this.tell(state);
      if (state === "failed") console.warn(error);
      return false;
    }
  }

  async runWithAbove(cell) {
    const above = this.above(cell).filter((other) => other.isDue);
    for (const [number, other] of above.entries()) {
      cell.say(words.first(number + 1, above.length), "live-busy");
      if (!(await this.execute(other, false))) {
        if (this.due[0] === cell) cell.endBecauseOf(other);
        this.giveUp(cell);
        return;
      }
      if (this.due[0] !== cell) return; // interrupted or lost between two cells
    }
    const done = await this.execute(cell, true);
    if (done && cell.checking) await this.look(cell);
    cell.checking = false;
    if (this.due[0] === cell) this.due.shift();
    if (!done) this.giveUp();
  }

  // Run one cell; tell whether what follows may run.
  async execute(cell, wanted) {
    const fairly = this.isFair(cell);
    const { code } = cell;
    this.at = cell;
    this.stopping = false;
    cell.begin();
    this.tell("busy");
    let status;
    try {
      status = await this.kernel.execute(code, (kind, content) => {
        if (!cell.outputs.take(kind, content) && !this.stopping) this.interrupt();
      });
    } catch {
      status = "lost";
    }
    this.at = null;
    this.used = performance.now();
    const done = status === "ok" || (status === "error" && Boolean(cell.book?.raises) && !this.stopping);
    cell.ran = done ? code : null;
    if (status !== "lost") this.history.push(cell.book && code === cell.bookCode ? cell : null);
    if (wanted) cell.reveal();
    cell.end(this.stopping && status === "error" ? "stopped" : status, fairly, code);
    if (wanted) cell.outputs.place.scrollIntoView({ block: "nearest" });
    if (status !== "lost") this.tell(this.stopping ? "interrupted" : "ready");
    return done;
  }

  // Look at an answer that has run.
  async look(cell) {
    this.at = cell;
    cell.say(words.looking, "live-busy");
    this.tell("busy");
    try {
      cell.judge(await this.kernel.evaluate(cell.answer.program));
      this.tell(this.stopping ? "interrupted" : "ready");
    } catch {
      cell.say(words.lost, "live-bad");
    }
    this.at = null;
  }

  // Whether the cells that have run are those above in the book, unchanged, in their order.
  isFair(cell) {
    const above = this.above(cell);
    return this.history.length === above.length && this.history.every((other, number) => other === above[number]);
  }

  giveUp(but) {
    for (const cell of this.due) {
      cell.checking = false;
      if (cell !== but) cell.say("");
    }
    this.due = [];
  }

  forget() {
    this.history = [];
    for (const cell of [...this.book, ...this.tries]) cell.ran = null;
  }

  async interrupt() {
    this.stopping = true;
    this.giveUp(this.at);
    await this.kernel?.interrupt().catch(() => {});
  }

  async restart() {
    this.giveUp(this.at);
    if (!this.kernel) return this.run(this.book[0]);
    this.tell("restarting");
    this.kernel.lose("restarting");
    try {
      const restart = this.kernel.restart();
      this.renewing = restart.catch(() => {});
      await restart;
      this.forget();
      for (const cell of [...this.book, ...this.tries]) cell.say("");
      this.tell("restarted");
    } catch {
      this.drop();
      this.tell("failed");
    }
  }

  drop() {
    this.kernel?.close();
    this.kernel = null;
    this.forget();
  }

  // What the kernel's connection tells

  hear(what) {
    if (what === "restarting") return;
    this.giveUp(this.at);
    if (what === "died") {
      this.forget();
      this.renewing = this.kernel.settle();
    }
    if (what === "back") return this.tell("ready");
    this.tell(what);
    if (what === "gone") this.watch();
  }

  watch() {
    clearInterval(this.probing);
    this.probing = setInterval(() => document.visibilityState === "visible" && this.probe(), PROBE);
  }

  async probe() {
    const kernel = this.kernel;
    const found = await (kernel ? kernel.probe() : this.lookForServer());
    if (found === "gone" || this.kernel !== kernel) return; // the probe before, or the reader, was faster
    clearInterval(this.probing);
    if (found === "ended") this.drop();
    if (found !== "back") this.tell(found);
  }

  // Ask whether the server answers, where there is no kernel: "gone", "refused" or "idle".
  async lookForServer() {
    try {
      return (await ask(`live/_cells/${page}`)).ok ? "idle" : "gone";
    } catch (error) {
      return error instanceof RefusedError ? "refused" : "gone";
    }
  }

  leave() {
    this.kernel?.end();
    this.kernel = null;
    this.forget();
    this.giveUp();
    this.tell("idle");
  }
}
