"use strict";
// Asks a model over gRPC without a proxy: gRPC itself learns from Echorator's controller which agents serve the model.
//
//     GRPC_XDS_BOOTSTRAP=xds.json node ask.js [MODEL] [TEXT]

const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
require("@grpc/grpc-js-xds").register(); // teaches gRPC the scheme xds:///

const FIRST_WORDS_MS = 10_000; // without a limit, grpc-js tries to reach the controller for ever
const protos = process.env.ECHORATOR_PROTOS || path.join(__dirname, "../../protos");
const [model = "echo-nano", text = "Hello!"] = process.argv.slice(2);
const target = `xds:///${model}`;

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!process.env.GRPC_XDS_BOOTSTRAP && !process.env.GRPC_XDS_BOOTSTRAP_CONFIG) {
  fail("GRPC_XDS_BOOTSTRAP must name a file; `echorator bootstrap > xds.json` makes it");
}

const definition = loader.loadSync("echorator/v1/model.proto", { includeDirs: [protos], keepCase: true, longs: Number });
const { ModelService } = grpc.loadPackageDefinition(definition).echorator.v1;

const client = new ModelService(target, grpc.credentials.createInsecure());
const request = { model, messages: [{ role: "user", content: text }], sampling: { temperature: 0 } };
const replies = client.Chat(request);
const waiting = setTimeout(
  () => fail(`${target} did not answer within ${FIRST_WORDS_MS / 1000} s; is \`echorator up\` running at the address in the bootstrap file?`),
  FIRST_WORDS_MS,
);
replies.on("data", (reply) => {
  clearTimeout(waiting);
  process.stdout.write(reply.text);
});
replies.on("error", (error) => fail(`${target} did not answer: ${grpc.status[error.code]}: ${error.details}`));
replies.on("end", () => {
  process.stdout.write("\n");
  process.exit(0); // the watch on the controller would keep the process alive
});
