// Reads an OpenRPC document from standard input and says what the official validator finds: nothing, and exit code 0, when it is valid.
// Every reference and every schema in it is resolved as well, as client generators do.
const { dereferenceDocument, validateOpenRPCDocument } = require("@open-rpc/schema-utils-js");

let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (piece) => { text += piece; });
process.stdin.on("end", async () => {
  const document = JSON.parse(text);
  const found = validateOpenRPCDocument(document);
  if (found !== true) {
    console.log(found.message ?? JSON.stringify(found));
    process.exit(1);
  }
  try {
    await dereferenceDocument(document);
  } catch (fault) {
    console.log(fault.message);
    process.exit(1);
  }
  console.log("valid");
});
