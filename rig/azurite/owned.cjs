// Azurite that ends with its owner: the owner holds the other end of stdin, and when it goes, however it goes, stdin ends.
const fs = require("fs");
const location = process.argv[process.argv.indexOf("--location") + 1];
function end() {
  fs.rmSync(location, { recursive: true, force: true });
  process.exit(0);
}
process.stdin.on("end", end).on("error", end).resume();
require("azurite/dist/src/azurite.js");
