// Asks the site's own search what it finds, as its page does: node search.js SITE QUERY...
// Prints a list of addresses for each query. The script of the search is a web worker.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const [site, ...queries] = process.argv.slice(2);
const workers = "assets/javascripts/workers"; // of this site, or of the one that it is a part of
const folder = [site, path.dirname(site)].map((one) => path.join(one, workers)).find(fs.existsSync);
const script = fs.readdirSync(folder).find((name) => name.startsWith("search"));
const waiting = [];
const worker = { postMessage: (message) => waiting.shift()(message) };
new Function("self", fs.readFileSync(path.join(folder, script), "utf-8"))(worker);

function ask(type, data) {
  return new Promise((resolve) => {
    waiting.push(resolve);
    worker.onmessage({ data: { type, data } });
  });
}

(async () => {
  const index = JSON.parse(fs.readFileSync(path.join(site, "search.json"), "utf-8"));
  await ask(0, index);
  const found = [];
  for (const input of queries) {
    const { data } = await ask(2, { input });
    found.push(data.items.map((item) => index.items[item.id].location));
  }
  console.log(JSON.stringify(found));
})();
