/** Prints the outliers: files above 400 lines and lines above 120 columns in src/. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
let total = 0;
for (const file of files) {
  const lines = readFileSync(join("src", file), "utf8").split("\n");
  total += lines.length;
  const long = lines.filter((line) => line.length > 120).length;
  if (lines.length > 400 || long > 0)
    console.log(`${file}: ${lines.length} lines${long > 0 ? `, ${long} above 120 columns` : ""}`);
}
console.log(`${files.length} files, ${total} lines`);
