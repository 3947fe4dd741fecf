// Azurite that ends with its owner: the owner holds the other end of stdin, and when it goes, however it goes, stdin ends.
process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
require("azurite/dist/src/azurite.js");
