CREATE TABLE "agent_keys" (
	"site" text NOT NULL,
	"agent" text NOT NULL,
	"kid" text NOT NULL,
	"key" json NOT NULL,
	"enrolled_at" text NOT NULL,
	CONSTRAINT "agent_keys_site_agent_kid_pk" PRIMARY KEY("site","agent","kid")
);
--> statement-breakpoint
CREATE TABLE "agents" (
	"site" text NOT NULL,
	"name" text NOT NULL,
	"kid" text NOT NULL,
	"enrolment" json NOT NULL,
	"enrolled_at" text NOT NULL,
	"version" text,
	"start" bigint DEFAULT 0 NOT NULL,
	"epoch" bigint DEFAULT 0 NOT NULL,
	"received" bigint DEFAULT 0 NOT NULL,
	"revision" integer DEFAULT 0 NOT NULL,
	"rolled_back" boolean DEFAULT false NOT NULL,
	"connected_at" text,
	"heard_at" text,
	CONSTRAINT "agents_site_name_pk" PRIMARY KEY("site","name")
);
--> statement-breakpoint
CREATE TABLE "control_plane_keys" (
	"kid" text PRIMARY KEY NOT NULL,
	"key" json NOT NULL,
	"created_at" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "enrolments" (
	"hash" text PRIMARY KEY NOT NULL,
	"site" text NOT NULL,
	"agent" text NOT NULL,
	"created_at" text NOT NULL,
	"created_by" text NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"used_at" text,
	"used_by" text
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"site" text NOT NULL,
	"type" text NOT NULL,
	"at" text NOT NULL,
	"payload" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "heads" (
	"site" text NOT NULL,
	"agent" text NOT NULL,
	"kid" text NOT NULL,
	"seq" bigint NOT NULL,
	"hash" text NOT NULL,
	"token" text NOT NULL,
	CONSTRAINT "heads_site_agent_kid_seq_hash_pk" PRIMARY KEY("site","agent","kid","seq","hash")
);
--> statement-breakpoint
CREATE TABLE "observations" (
	"site" text NOT NULL,
	"subject" text NOT NULL,
	"name" text NOT NULL,
	"attribute" text NOT NULL,
	"value" text NOT NULL,
	"detail" text NOT NULL,
	"read_at" text NOT NULL,
	"agent" text NOT NULL,
	"seq" bigint NOT NULL,
	CONSTRAINT "observations_site_subject_name_attribute_pk" PRIMARY KEY("site","subject","name","attribute")
);
--> statement-breakpoint
CREATE TABLE "operations" (
	"id" text PRIMARY KEY NOT NULL,
	"site" text NOT NULL,
	"server" text NOT NULL,
	"origin" text NOT NULL,
	"body_hash" text,
	"status" text NOT NULL,
	"view" json NOT NULL,
	"requested_at" text NOT NULL,
	"ended_at" text,
	"end_known_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" text PRIMARY KEY NOT NULL,
	"site" text NOT NULL,
	"kind" text NOT NULL,
	"token" text NOT NULL,
	"content" json NOT NULL,
	"issued_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"overdue_at_ms" bigint NOT NULL,
	"sent_at_ms" bigint,
	"sent_to" text,
	"sent_epoch" bigint,
	"journalled_at_ms" bigint,
	"overdue_noted" boolean DEFAULT false NOT NULL,
	"closed" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "records" (
	"hash" text PRIMARY KEY NOT NULL,
	"site" text NOT NULL,
	"agent" text NOT NULL,
	"kid" text NOT NULL,
	"seq" bigint NOT NULL,
	"kind" text NOT NULL,
	"order" text,
	"server" text,
	"at" text NOT NULL,
	"record" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "resets" (
	"id" text PRIMARY KEY NOT NULL,
	"site" text NOT NULL,
	"server" text NOT NULL,
	"origin" text NOT NULL,
	"body_hash" text,
	"status" text NOT NULL,
	"result" text,
	"fenced" boolean DEFAULT false NOT NULL,
	"loose" boolean DEFAULT false NOT NULL,
	"holds" boolean NOT NULL,
	"view" json NOT NULL,
	"requested_at" text NOT NULL,
	"fenced_at" text,
	"ended_at" text,
	"end_known_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "sites" (
	"name" text PRIMARY KEY NOT NULL,
	"revision" integer DEFAULT 0 NOT NULL,
	"document" json,
	"seal_key" json,
	"created_at" text NOT NULL,
	"applied_at" text,
	"applied_by" text
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"name" text NOT NULL,
	"scope" text NOT NULL,
	"site" text,
	"cluster" text,
	"created_at" text NOT NULL,
	"created_by" text NOT NULL,
	"expires_at_ms" bigint,
	"revoked_at" text
);
--> statement-breakpoint
CREATE INDEX "events_site" ON "events" USING btree ("site","id");--> statement-breakpoint
CREATE INDEX "operations_newest" ON "operations" USING btree ("site","requested_at");--> statement-breakpoint
CREATE INDEX "orders_pending" ON "orders" USING btree ("site") WHERE not "orders"."closed";--> statement-breakpoint
CREATE INDEX "records_chain" ON "records" USING btree ("site","agent","kid","seq");--> statement-breakpoint
CREATE INDEX "records_order" ON "records" USING btree ("site","order");--> statement-breakpoint
CREATE INDEX "records_time" ON "records" USING btree ("site","at","hash");--> statement-breakpoint
CREATE UNIQUE INDEX "resets_one_open_per_server" ON "resets" USING btree ("site","server") WHERE "resets"."holds" and "resets"."origin" = 'control-plane';--> statement-breakpoint
CREATE INDEX "resets_newest" ON "resets" USING btree ("site","requested_at","id");--> statement-breakpoint
CREATE INDEX "resets_open" ON "resets" USING btree ("site") WHERE "resets"."ended_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "tokens_hash" ON "tokens" USING btree ("hash");