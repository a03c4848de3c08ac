// What makes a page live. The editor and the connection to the kernel come when they are first needed.

import { Bench } from "./bench.js";

new Bench().begin().catch((error) => console.warn("this page does not run:", error));
