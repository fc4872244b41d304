// What a program of a user's does with the AWS SDK for JavaScript: prints one JSON object.
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { CloudWatchClient, GetMetricStatisticsCommand, ListMetricsCommand, PutMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, GetObjectCommand,
  HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from "@aws-sdk/client-s3";
import { ListModelsCommand, SageMakerClient } from "@aws-sdk/client-sagemaker";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const seen = {};
const Bucket = process.argv[2] ?? "from-javascript";
const s3 = new S3Client({});
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

await s3.send(new CreateBucketCommand({ Bucket }));
seen.account = (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Account;
seen.models = (await new SageMakerClient({}).send(new ListModelsCommand({}))).Models.length;

// A body of known length, and one that is a stream: aws-chunked with a trailing checksum.
await s3.send(new PutObjectCommand({ Bucket, Key: "plain", Body: "hello", Metadata: { name: "value" } }));
const streamed = randomBytes(300_000);
await s3.send(new PutObjectCommand({
  Bucket, Key: "streamed", Body: Readable.from([streamed.subarray(0, 100_000), streamed.subarray(100_000)]),
  ContentLength: streamed.length,
}));
const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "streamed", ChecksumMode: "ENABLED" }));
seen.streamed = { length: head.ContentLength, encoding: head.ContentEncoding ?? null, checksum: Boolean(head.ChecksumCRC32) };
seen.streamedSame = digest(await bytesOf(await s3.send(new GetObjectCommand({ Bucket, Key: "streamed" })))) === digest(streamed);

for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: `sum/${ChecksumAlgorithm}`, Body: "summed", ChecksumAlgorithm }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: `sum/${ChecksumAlgorithm}`, ChecksumMode: "ENABLED" }));
  const name = `Checksum${ChecksumAlgorithm}`;
  (seen.checksums ??= {})[ChecksumAlgorithm] = Boolean(put[name]) && put[name] === got[name] && (await got.Body.transformToString()) === "summed";
}

// lib-storage: parts at the same time, of a stream whose length nobody knows.
const large = randomBytes(12 * 1024 * 1024);
const pieces = Array.from({ length: 12 }, (_, n) => large.subarray(n * 1024 * 1024, (n + 1) * 1024 * 1024));
await new Upload({ client: s3, params: { Bucket, Key: "large", Body: Readable.from(pieces) } }).done();
seen.largeSame = digest(await bytesOf(await s3.send(new GetObjectCommand({ Bucket, Key: "large" })))) === digest(large);
const part = await s3.send(new GetObjectCommand({ Bucket, Key: "large", Range: "bytes=10-19" }));
seen.range = [part.ContentRange, (await bytesOf(part)).equals(large.subarray(10, 20))];

await s3.send(new CopyObjectCommand({ Bucket, Key: "copied/ä b+c", CopySource: `${Bucket}/plain` }));
const listed = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
seen.listed = { keys: listed.Contents.map((o) => o.Key), prefixes: listed.CommonPrefixes.map((p) => p.Prefix) };

const putUrl = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
seen.signedPut = (await fetch(putUrl, { method: "PUT", body: "by address" })).status;
const getUrl = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
seen.signedGet = await (await fetch(getUrl)).text();
seen.altered = (await fetch(getUrl.replace("signed?", "plain?"))).status;

try {
  await s3.send(new GetObjectCommand({ Bucket, Key: "none" }));
} catch (error) {
  seen.missing = [error.name, error.$metadata.httpStatusCode];
}

// CloudWatch: the protocol that the SDK chooses by itself.
const watch = new CloudWatchClient({});
const Timestamp = new Date(Math.floor(Date.now() / 60_000) * 60_000);
await watch.send(new PutMetricDataCommand({ Namespace: "FromJavaScript", MetricData: [{ MetricName: "m", Value: 2.5, Timestamp }] }));
seen.metrics = (await watch.send(new ListMetricsCommand({ Namespace: "FromJavaScript" }))).Metrics.map((m) => m.MetricName);
const points = await watch.send(new GetMetricStatisticsCommand({
  Namespace: "FromJavaScript", MetricName: "m", Period: 60, Statistics: ["Average"],
  StartTime: new Date(Timestamp - 60_000), EndTime: new Date(Timestamp.getTime() + 60_000),
}));
seen.average = points.Datapoints.map((p) => p.Average);

const all = await s3.send(new ListObjectsV2Command({ Bucket }));
const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: all.Contents.map(({ Key }) => ({ Key })) } }));
seen.deleted = gone.Deleted.length === all.Contents.length;
await s3.send(new DeleteBucketCommand({ Bucket }));
console.log(JSON.stringify(seen));
