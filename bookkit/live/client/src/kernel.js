// A kernel on the server, and what becomes of it.

import { KernelConnection } from "@jupyterlab/services/lib/kernel/default";
import { ServerConnection } from "@jupyterlab/services/lib/serverconnection";

import { ask, base, page, RefusedError, ShutError } from "./server.js";

const settings = ServerConnection.makeSettings({
  baseUrl: base.href,
  wsUrl: base.href.replace(/^http/, "ws"),
  appUrl: "",
  token: "",
});

// Why a cell will never be answered.
export class LostError extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

const SETTLING = 10; // seconds, at most
const TRIES = 3; // JupyterLab's own would take a minute or two

// Sockets that tell when the last of some has closed: where a proxy lets none through, no kernel is ever reached.
function givingUp(tell) {
  let closed = 0;
  return class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("close", () => ++closed === TRIES && tell());
    }
  };
}

export class Kernel {
  // `told` hears "died", "gone", "back" and "ended".
  constructor(connection, told) {
    this.connection = connection;
    this.told = told;
    this.waiting = new Set();
    this.reached = true;
    this.renewed = false; // a kernel that begins anew is connected to anew
    connection.connectionStatusChanged.connect((_, status) => this.hearConnection(status));
    connection.statusChanged.connect((_, status) => this.hearStatus(status));
  }

  static async start(told) {
    const answer = await ask(`live/_kernels/${page}`, { method: "POST" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    let give;
    const lost = new Promise((_, reject) => (give = reject));
    const connection = new KernelConnection({
      model: await answer.json(),
      serverSettings: { ...settings, WebSocket: givingUp(() => give(new ShutError())) },
      handleComms: false,
    });
    const kernel = new Kernel(connection, told);
    kernel.waiting.add(give);
    try {
      await Promise.race([connection.info, lost]);
    } catch (error) {
      kernel.end();
      throw error instanceof ShutError ? error : new TypeError("the kernel cannot be reached");
    } finally {
      kernel.waiting.delete(give);
    }
    return kernel;
  }

  hearConnection(status) {
    if (this.connection.isDisposed) return;
    if (status === "connected") {
      if (!this.reached) this.told("back");
      this.reached = true;
      this.renewed = false;
    } else if (this.reached && (status === "disconnected" || !this.renewed)) {
      this.reached = false;
      this.lose("gone");
    }
  }

  hearStatus(status) {
    if (status === "dead") {
      this.reached = false; // for good: this connection tells nothing any more
      return this.lose("gone");
    }
    if (status !== "autorestarting") return;
    this.renewed = true;
    this.lose("died");
  }

  // Wait until a kernel that begins anew answers: what is sent to it before that may be lost.
  async settle() {
    for (let tries = 0; tries < SETTLING; tries += 1) {
      const answer = this.connection.requestKernelInfo().then(() => true, () => false);
      if (await Promise.race([answer, new Promise((go) => setTimeout(go, 1000))])) return;
    }
  }

  lose(why) {
    for (const reject of this.waiting) reject(new LostError(why));
    this.waiting.clear();
    this.told(why);
  }

  // Run code; `heard` gets every message about it. Return the status of the answer.
  async execute(code, heard) {
    return (await this.answer({ code, silent: false, store_history: true, stop_on_error: true }, heard)).status;
  }

  // Return the value of an expression that shows itself as JSON, unseen; null if it has none.
  async evaluate(expression) {
    const answer = await this.answer({ code: "", silent: true, user_expressions: { value: expression } }, () => {});
    return answer.user_expressions?.value?.data?.["application/json"] ?? null;
  }

  async answer(options, heard) {
    const future = this.connection.requestExecute({ ...options, allow_stdin: false }, false);
    future.onIOPub = ({ header, content }) => heard(header.msg_type, content);
    let give;
    const lost = new Promise((_, reject) => this.waiting.add((give = reject)));
    try {
      return (await Promise.race([future.done, lost])).content;
    } finally {
      this.waiting.delete(give);
      future.done.catch(() => {});
    }
  }

  interrupt() {
    return this.connection.interrupt();
  }

  async restart() {
    this.renewed = true;
    await this.connection.restart();
    await this.connection.info;
  }

  // Ask whether the server answers again: "refused", "gone", "ended" (this kernel is not there any more) or "back".
  async probe() {
    try {
      const answer = await ask(`api/kernels/${this.connection.id}`, { cache: "no-store" });
      if (answer.status === 404 || (answer.ok && this.connection.status === "dead")) return "ended";
      if (!answer.ok) return "gone";
      await this.connection.reconnect();
      return "back";
    } catch (error) {
      return error instanceof RefusedError ? "refused" : "gone";
    }
  }

  // Whether the server has ended it: the connection stays open, and tells nothing.
  async isEnded() {
    try {
      return (await ask(`api/kernels/${this.connection.id}`, { cache: "no-store" })).status === 404;
    } catch {
      return false;
    }
  }

  close() {
    this.connection.dispose();
  }

  // The page is left: nobody will use the kernel again.
  end() {
    ask(`api/kernels/${this.connection.id}`, { method: "DELETE", keepalive: true }).catch(() => {});
    this.close();
  }
}
