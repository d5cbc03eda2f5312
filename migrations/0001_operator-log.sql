CREATE TABLE "operator_log" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"entry" text NOT NULL,
	"at" text NOT NULL,
	"method" text NOT NULL,
	"route" text,
	"dry_run" boolean NOT NULL,
	"site" text,
	"subject" text,
	"token_id" text,
	"token_name" text,
	"status" integer NOT NULL,
	"code" text,
	"made" text,
	"remote_address" text,
	"key_hash" text,
	"user_agent" text
);
--> statement-breakpoint
CREATE UNIQUE INDEX "operator_log_entry" ON "operator_log" USING btree ("entry");--> statement-breakpoint
CREATE INDEX "operator_log_site" ON "operator_log" USING btree ("site","id");--> statement-breakpoint
CREATE INDEX "operator_log_time" ON "operator_log" USING btree ("at");