/*
 * Module for ipmi_sim in front of a virtual machine ("serial 15 ... codec VM"): Chassis Control acts on the
 * machine's own lines, the diagnostic interrupt among them, which the simulator itself refuses.
 *
 * Each action is appended to DIR/events.log before it is done:
 *
 *     <seconds>.<nanoseconds> start|off|on|cycle|reset|diag|soft|refused
 *
 * build:    gcc -Wall -Wextra -shared -fPIC -O2 -o palvm.so palvm.c    (Debian: libopenipmi-dev)
 * lan.conf: loadlib "/path/palvm.so" "DIR"
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <OpenIPMI/lanserv.h>
#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

#define NETFN_CHASSIS 0x00
#define CMD_CHASSIS_CONTROL 0x02

#define CC_LENGTH_INVALID 0xc7
#define CC_INVALID_FIELD 0xcc
#define CC_NOT_IN_THIS_STATE 0xd5

#define VM_CHANNEL 15

enum action { OFF, ON, CYCLE, RESET, DIAG, SOFT, ACTIONS };

static const struct {
    const char *name;
    int operation;
    int needs_power;
} actions[ACTIONS] = {
    [OFF] = {"off", HW_OP_POWEROFF, 0},
    [ON] = {"on", HW_OP_POWERON, 0},
    [CYCLE] = {"cycle", HW_OP_POWEROFF, 1},
    [RESET] = {"reset", HW_OP_RESET, 1},
    [DIAG] = {"diag", HW_OP_SEND_NMI, 1},
    [SOFT] = {"soft", HW_OP_GRACEFUL_SHUTDOWN, 1},
};

/* Exported by the simulator, declared in none of its headers. */
extern int ipmi_mc_is_power_on(lmc_data_t *mc);
extern int start_poweron_timer(lmc_data_t *mc);

static sys_data_t *simulator;
static int events = -1;

static void log_event(const char *name)
{
    struct timespec at;
    char line[100];
    int length;

    if (events < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &at);
    length = snprintf(line, sizeof line, "%ld.%09ld %s\n", (long)at.tv_sec, at.tv_nsec, name);
    if (write(events, line, length) != length)
        perror("events.log");
}

static void chassis_control(lmc_data_t *mc, msg_t *msg, unsigned char *reply, unsigned int *length,
                            void *data)
{
    channel_t *vm = simulator->mc_get_channelset(mc)[VM_CHANNEL];
    int action;

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
    if (!vm || !vm->hw_op || (actions[action].needs_power && !ipmi_mc_is_power_on(mc))
        || (action == DIAG && !HW_OP_CAN_NMI(vm))) {
        log_event("refused");
        reply[0] = CC_NOT_IN_THIS_STATE;
        return;
    }
    log_event(actions[action].name);
    vm->hw_op(vm, actions[action].operation);
    if (action == CYCLE)
        start_poweron_timer(mc);
    reply[0] = 0;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
    (void)sys;
    (void)options;
    printf("palvm 1\n");
    return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, char *options)
{
    char path[500];

    simulator = sys;
    snprintf(path, sizeof path, "%s/events.log", options ? options : ".");
    events = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    return 0;
}

int ipmi_sim_module_post_init(sys_data_t *sys)
{
    (void)sys;
    ipmi_emu_register_cmd_handler(NETFN_CHASSIS, CMD_CHASSIS_CONTROL, chassis_control, NULL);
    log_event("start");
    return 0;
}
