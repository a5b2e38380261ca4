// ajv's verdict on documents: reads {schemas: [path], documents: [{path, schema}]} from standard input, writes
// {schemas: {path: error or null}, documents: {path: [error]}}. $POSTERN_EDITOR is where the packages are.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.POSTERN_EDITOR, "package.json"));
const Ajv = require("ajv");
const { parseDocument } = createRequire(require.resolve("yaml-language-server"))("yaml");

// What editors know beyond draft 07.
const annotations = ["enumDescriptions", "patternErrorMessage", "errorMessage", "defaultSnippets"];
const { schemas, documents } = JSON.parse(readFileSync(0, "utf8"));
const compiled = {};
const result = { schemas: {}, documents: {} };
for (const path of schemas) {
  try {
    const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
    ajv.addVocabulary(annotations);
    compiled[path] = ajv.compile(JSON.parse(readFileSync(path, "utf8")));
    result.schemas[path] = null;
  } catch (error) {
    result.schemas[path] = String(error.message);
  }
}
for (const { path, schema } of documents) {
  const document = parseDocument(readFileSync(path, "utf8"), { version: "1.2", maxAliasCount: 0 });
  if (document.errors.length > 0) {
    result.documents[path] = document.errors.map((error) => error.message);
    continue;
  }
  const validate = compiled[schema];
  try {
    validate(document.toJS({ maxAliasCount: 0 }));
    result.documents[path] = (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  } catch (error) {
    result.documents[path] = [String(error.message)];
  }
}
process.stdout.write(JSON.stringify(result));
