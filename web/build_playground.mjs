// Builds the page of the playground from src/playground. `node build_playground.mjs FOLDER` writes it elsewhere, for the test that compares.
// LICENSES.txt is made of what was bundled: a package without a licence fails the build.
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const BROWSERS = ["chrome123", "firefox120", "safari17.5"]; // the first with light-dark() in style sheets

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src/playground");
const out = process.argv[2] ?? join(here, "../minigrad/playground/page");

await mkdir(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/playground/playground.js", "src/playground/worker.js"],
  outdir: out,
  bundle: true,
  format: "esm",
  minify: true,
  charset: "utf8",
  target: BROWSERS,
  metafile: true,
  legalComments: "none",
  banner: { js: "// Built from web/src/playground by `npm run build` in web/. MIT license; what is bundled: LICENSES.txt." },
});
const { code } = await transform(await readFile(join(source, "playground.css"), "utf8"), {
  loader: "css",
  minify: true,
  target: BROWSERS,
});
await writeFile(join(out, "playground.css"), code);
await copyFile(join(source, "index.html"), join(out, "index.html"));
await writeFile(join(out, "LICENSES.txt"), await licences(Object.keys(metafile.inputs)));

/** The licences of the packages that these files belong to, in the order of their names. */
async function licences(files) {
  const packages = new Set(files.map((file) => /^node_modules\/((@[^/]+\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean));
  const texts = await Promise.all([...packages].sort().map(licence));
  return `The page of minigrad's playground holds these packages.\n${texts.join("")}`;
}

async function licence(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[sc]e/i.test(entry));
  if (!file || !license) throw new Error(`${name} is bundled, and says nothing of its licence`);
  return `\n${"=".repeat(100)}\n${name} ${version} (${license})\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
}
