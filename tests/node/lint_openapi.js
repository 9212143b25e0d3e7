// Checks OpenAPI documents with the recommended rules of Redocly and Spectral. Any finding fails.
//
//   NODE_PATH=build/node_modules node tests/node/lint_openapi.js FILE...

const { spawnSync } = require("node:child_process");
const path = require("node:path");
const { createConfig, formatProblems, lint } = require("@redocly/openapi-core");

const rules = {
  // Otherwise, a schema with allOf fits no example. Our schemas say themselves what they allow.
  "no-invalid-media-type-examples": { severity: "error", allowAdditionalProperties: true },
};

async function hasRedoclyFindings(files) {
  const config = await createConfig({ extends: ["recommended"], rules });
  let count = 0;
  for (const ref of files) {
    const problems = await lint({ ref, config });
    formatProblems(problems, { totals: { errors: problems.length, warnings: 0, ignored: 0 } });
    count += problems.length;
  }
  return count > 0;
}

function hasSpectralFindings(files) {
  const ruleset = path.join(__dirname, "spectral.yaml");
  const options = ["lint", "--fail-severity=hint", `--ruleset=${ruleset}`, ...files];
  const program = require.resolve("@stoplight/spectral-cli/dist/index.js");
  return spawnSync(process.execPath, [program, ...options], { stdio: "inherit" }).status !== 0;
}

async function main(files) {
  const hasFindings = [await hasRedoclyFindings(files), hasSpectralFindings(files)];
  process.exitCode = files.length === 0 || hasFindings.includes(true) ? 1 : 0;
}

main(process.argv.slice(2));
