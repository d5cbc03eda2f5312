/*
 * Module for ipmi_sim: chassis power with exact timestamps, NMI, and faults on demand.
 *
 * The simulator's own Chassis Control refuses the diagnostic interrupt; this one executes all six
 * actions and appends each to DIR/events.log:
 *
 *     <seconds>.<nanoseconds> start|status|off|on|cycle|reset|diag|soft|refused <action> power=<0|1>
 *
 * Before each command it reads DIR/fault, lines of "<key> <number>":
 *
 *     delay_ms N         answer Chassis Control that late; the whole BMC stands still meanwhile
 *     cc N               answer Chassis Control with this completion code and do nothing
 *     stuck 1            say yes to Chassis Control and leave the power as it is
 *     status_cc N        answer Get Chassis Status with this completion code
 *     status_bytes N     cut the answer to Get Chassis Status to N bytes, completion code included
 *     status_delay_ms N  answer Get Chassis Status that late
 *
 * build:    gcc -Wall -Wextra -shared -fPIC -O2 -o palmod.so palmod.c    (Debian: libopenipmi-dev)
 * lan.conf: loadlib "/path/palmod.so" "DIR"
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

#define NETFN_CHASSIS 0x00
#define CMD_GET_CHASSIS_STATUS 0x01
#define CMD_CHASSIS_CONTROL 0x02

#define CC_LENGTH_INVALID 0xc7
#define CC_INVALID_FIELD 0xcc

enum action { OFF, ON, CYCLE, RESET, DIAG, SOFT, ACTIONS };

static const char *const action_names[ACTIONS] = {"off", "on", "cycle", "reset", "diag", "soft"};

static char dir[400];
static int power = 1;
static int events = -1;

/* One write per line, so that a reader never sees half of one that is not the last. */
static void log_event(const char *name, int action)
{
    struct timespec at;
    char line[200];
    int length;

    if (events < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &at);
    length = snprintf(line, sizeof line, "%ld.%09ld %s %d power=%d\n", (long)at.tv_sec, at.tv_nsec,
                      name, action, power);
    if (write(events, line, length) != length)
        perror("events.log");
}

/* The number that the fault file holds for a key; 0 where there is no file or no such line. */
static int fault(const char *wanted)
{
    char path[500], key[64];
    int number, found = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/fault", dir);
    file = fopen(path, "r");
    if (!file)
        return 0;
    while (fscanf(file, "%63s %d", key, &number) == 2)
        if (strcmp(key, wanted) == 0)
            found = number;
    fclose(file);
    return found;
}

static void stand_still(int ms)
{
    if (ms > 0)
        usleep(ms * 1000);
}

static void chassis_control(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length,
                            void *data)
{
    int action, code;

    (void)mc;
    (void)data;
    *length = 1;
    if (msg->len < 1) {
        reply[0] = CC_LENGTH_INVALID;
        return;
    }
    action = msg->data[0] & 0x0f;
    if (action >= ACTIONS) {
        reply[0] = CC_INVALID_FIELD;
        return;
    }
    stand_still(fault("delay_ms"));
    code = fault("cc");
    if (code != 0) {
        log_event("refused", action);
        reply[0] = code;
        return;
    }
    if (!fault("stuck")) {
        if (action == OFF || action == SOFT)
            power = 0;
        if (action == ON || action == CYCLE)
            power = 1;
    }
    log_event(action_names[action], action);
    reply[0] = 0;
}

static void get_chassis_status(lmc_data_t *mc, msg_t *msg, unsigned char *reply,
                               unsigned int *length, void *data)
{
    int bytes;

    (void)mc;
    (void)msg;
    (void)data;
    stand_still(fault("status_delay_ms"));
    log_event("status", 0);
    reply[0] = fault("status_cc");
    reply[1] = power;
    reply[2] = 0;
    reply[3] = 0;
    bytes = fault("status_bytes");
    *length = bytes > 0 && bytes < 4 ? bytes : 4;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
    (void)sys;
    (void)options;
    printf("palmod 1\n");
    return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, char *options)
{
    char path[500];

    (void)sys;
    snprintf(dir, sizeof dir, "%s", options ? options : ".");
    snprintf(path, sizeof path, "%s/events.log", dir);
    events = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    return 0;
}

int ipmi_sim_module_post_init(sys_data_t *sys)
{
    (void)sys;
    ipmi_emu_register_cmd_handler(NETFN_CHASSIS, CMD_CHASSIS_CONTROL, chassis_control, NULL);
    ipmi_emu_register_cmd_handler(NETFN_CHASSIS, CMD_GET_CHASSIS_STATUS, get_chassis_status, NULL);
    log_event("start", 0);
    return 0;
}
