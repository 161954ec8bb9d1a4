// Bundles src/explorer.js into the one file that users get. `node build.mjs OUT` writes it elsewhere, for the test that compares.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { minify } from "terser";

const BROWSERS = ["chrome123", "firefox120", "safari17.5"]; // the first with light-dark() in style sheets

const here = dirname(fileURLToPath(import.meta.url));

// A style sheet is imported as minified text, which the element adopts: no <style>, so no exception in a content security policy.
const stylesAsText = {
  name: "styles-as-text",
  setup(builder) {
    builder.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: BROWSERS });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const {
  outputFiles: [bundle],
} = await build({
  absWorkingDir: here,
  entryPoints: ["src/explorer.js"],
  bundle: true,
  write: false,
  format: "esm",
  minify: true,
  charset: "utf8",
  target: BROWSERS,
  plugins: [stylesAsText],
});

// Pages and notebooks carry the bundle compressed, and terser's names repeat more often than esbuild's: 4 % less to carry.
const { code } = await minify(bundle.text, { module: true, ecma: 2020, compress: { passes: 2 } });
const out = process.argv[2] ?? join(here, "../minigrad/explore/explorer.js");
await writeFile(out, `// Built from web/src by \`npm run build\` in web/. MIT license.\n${code}\n`);
