// Writes zod_schemas.json, the JSON schemas that zod makes of ordinary models: `npm install zod@4 && node zod_schemas.mjs > zod_schemas.json`.
import * as z from "zod";

const Address = z.object({ street: z.string().min(1), city: z.string(), zip: z.string().regex(/^\d{5}(-\d{4})?$/) });
const Category = z.object({
  name: z.string(),
  get subcategories() {
    return z.array(Category).max(3);
  },
});
const Shape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("circle"), radius: z.number().positive() }),
  z.object({ kind: z.literal("rectangle"), width: z.number().positive(), height: z.number().positive() }),
]);

const models = {
  "integer bounds": z.object({ age: z.number().int().min(0).max(150) }),
  "safe integer": z.object({ count: z.int() }),
  "int32 and uint32": z.object({ a: z.int32(), b: z.uint32() }),
  "floats": z.object({ a: z.float32(), b: z.float64(), c: z.number() }),
  "exclusive bounds": z.object({ p: z.number().gt(0).lt(1), n: z.number().negative() }),
  "multiple of": z.object({ step: z.number().int().multipleOf(5), half: z.number().multipleOf(0.5) }),
  "string lengths": z.object({ name: z.string().min(1).max(64), code: z.string().length(4) }),
  "text checks": z.object({ a: z.string().startsWith("ab"), b: z.string().endsWith("yz"), c: z.string().includes("-") }),
  "case checks": z.object({ a: z.string().lowercase(), b: z.string().uppercase() }),
  "regex": z.object({ sku: z.string().regex(/^[A-Z]{3}-\d{4}$/), hex: z.string().regex(/^#[0-9a-f]{6}$/) }),
  "email": z.object({ email: z.email() }),
  "email with a length": z.object({ email: z.email().max(100) }),
  "uuid": z.object({ id: z.uuid(), v4: z.uuidv4(), guid: z.guid() }),
  "url": z.object({ link: z.url() }),
  "dates": z.object({ day: z.iso.date(), time: z.iso.time(), at: z.iso.datetime(), length: z.iso.duration() }),
  "addresses of hosts": z.object({ a: z.ipv4(), b: z.ipv6(), c: z.cidrv4(), d: z.hostname() }),
  "identifiers": z.object({ a: z.nanoid(), b: z.cuid2(), c: z.ulid(), d: z.xid(), e: z.ksuid(), f: z.cuid() }),
  "base64": z.object({ a: z.base64(), b: z.base64url(), c: z.jwt() }),
  "emoji": z.object({ mood: z.enum(["😀", "😐", "😢"]) }),
  "enumeration": z.object({ color: z.enum(["red", "green", "blue"]), size: z.literal([1, 2, 3]) }),
  "optional and nullable": z.object({ a: z.string().optional(), b: z.number().nullable(), c: z.boolean().nullish() }),
  "default": z.object({ a: z.string().default("x"), b: z.int().default(3) }),
  "arrays": z.object({ tags: z.array(z.string().max(8)).min(1).max(3), two: z.array(z.boolean()).length(2) }),
  "tuple": z.object({ point: z.tuple([z.number(), z.number()]), more: z.tuple([z.string().max(4)]).rest(z.int()) }),
  "record": z.object({ scores: z.record(z.string().max(5), z.int().min(0).max(9)) }),
  "record of an enumeration": z.object({ scores: z.record(z.enum(["a", "b"]), z.boolean()) }),
  "partial record": z.object({ scores: z.partialRecord(z.enum(["a", "b", "c"]), z.int()) }),
  "union": z.object({ value: z.union([z.string().max(6), z.int(), z.null()]) }),
  "discriminated union": z.object({ shapes: z.array(Shape).max(2) }),
  "intersection": z.intersection(z.object({ a: z.string().max(4) }), z.object({ b: z.boolean() })),
  "nested": z.object({ name: z.string().max(10), home: Address, work: Address.optional() }),
  "recursive": Category,
  "strict and loose": z.object({ a: z.strictObject({ x: z.int() }), b: z.looseObject({ y: z.boolean() }), c: z.object({ z: z.null() }).catchall(z.int()) }),
  "any and unknown": z.object({ a: z.any(), b: z.unknown() }),
  "reasoning before answer": z.object({ reasoning: z.string().max(30), answer: z.boolean(), confidence: z.number().min(0).max(1) }),
  "described": z.object({ city: z.string().max(10).describe("The city's name") }).describe("A place").meta({ title: "Place", examples: [{ city: "Rome" }] }),
};

const out = {};
for (const [name, model] of Object.entries(models)) {
  out[name] = z.toJSONSchema(model);
  out[`${name}, draft 7`] = z.toJSONSchema(model, { target: "draft-7" });
}
console.log(JSON.stringify(out, null, 1));
