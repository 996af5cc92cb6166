/** Leaves dist/: the modules by Vite, their types by tsc. */
import { execFileSync } from "node:child_process";

const run = (...command) => execFileSync("npx", command, { stdio: "inherit" });

run("vite", "build", "--logLevel", "warn");
run("tsc", "-p", "tsconfig.build.json");
