/*
 * Module for ipmi_sim: the RMCP+ cipher suites 15, 16 and 17 (RAKP-HMAC-SHA256, HMAC-SHA256-128).
 *
 * The simulator keeps sessions, framing, sequence windows and AES; this fills the gaps in the tables
 * that it exports: auths[3], integs[4] and three rows of valid_cipher_suites. Its reply buffer for
 * RAKP 2 holds 64 bytes, and with SHA-256 the payload has 72: the last eight bytes are appended when
 * the datagram leaves.
 *
 * build:    gcc -Wall -Wextra -Wno-deprecated-declarations -shared -fPIC -O2 -o sha256.so sha256.c -lcrypto
 * lan.conf: loadlib "/path/sha256.so" ""      (the second string is mandatory)
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <openssl/hmac.h>

#include <OpenIPMI/lanserv.h>
#include <OpenIPMI/serv.h>

#define RAKP_HMAC_SHA256 3
#define HMAC_SHA256_128 4
#define AES_CBC_128 1
#define NONE 0

#define PAYLOAD_RAKP1 0x12
#define PAYLOAD_RAKP2 0x13

#define MAC_BYTES 32
#define ICV_BYTES 16
#define KEY_BYTES 20
#define RANDOM_BYTES 16
#define GUID_BYTES 16
/* What of the RAKP 2 MAC fits into the simulator's buffer. */
#define MAC_BYTES_FITTING 24
#define RAKP2_PAYLOAD_FITTING 64

extern auth_handlers_t *auths[64];
extern integ_handlers_t *integs[64];
extern ipmi_payload_handler_cb payload_handlers[64];
extern struct {
    int auth, integ, conf;
} valid_cipher_suites[16];

/* The simulator's own fields are too short for 32-byte keys. */
struct keys {
    unsigned char sik[MAC_BYTES];
    unsigned char k1[MAC_BYTES];
    unsigned char rakp2_mac[MAC_BYTES];
};

#define SLOTS 64
static struct keys slots[SLOTS];
/* Whose RAKP 2 is being composed right now. */
static struct keys *composing;

static struct keys *keys_of(session_t *session)
{
    return &slots[session->handle % SLOTS];
}

struct bytes {
    unsigned char data[128];
    unsigned int length;
};

static void put(struct bytes *to, const void *from, unsigned int length)
{
    memcpy(to->data + to->length, from, length);
    to->length += length;
}

static void put_u32(struct bytes *to, uint32_t value)
{
    unsigned char le[4] = {value, value >> 8, value >> 16, value >> 24};

    put(to, le, sizeof le);
}

static void put_user(struct bytes *to, auth_data_t *auth)
{
    unsigned char head[2] = {auth->role, auth->username_len};

    put(to, head, sizeof head);
    put(to, auth->username, auth->username_len);
}

static void hmac(const void *key, int key_length, const void *data, int length, unsigned char *mac)
{
    unsigned int mac_length;

    HMAC(EVP_sha256(), key, key_length, data, length, mac, &mac_length);
}

/* Authentication algorithm */

static int auth_init(lanserv_data_t *lan, session_t *session)
{
    (void)lan;
    session->auth_data.akey = EVP_sha256();
    session->auth_data.akey_len = MAC_BYTES;
    session->auth_data.integ_len = ICV_BYTES;
    return 0;
}

static void derive_keys(lanserv_data_t *lan, session_t *session)
{
    auth_data_t *auth = &session->auth_data;
    struct keys *keys = keys_of(session);
    unsigned char constant[KEY_BYTES], k2[MAC_BYTES];
    struct bytes input = {.length = 0};
    const void *kg = lan->bmc_key ? lan->bmc_key : lan->users[session->userid].pw;

    put(&input, auth->rem_rand, RANDOM_BYTES);
    put(&input, auth->rand, RANDOM_BYTES);
    put_user(&input, auth);
    hmac(kg, KEY_BYTES, input.data, input.length, keys->sik);
    memset(constant, 0x01, sizeof constant);
    hmac(keys->sik, MAC_BYTES, constant, sizeof constant, keys->k1);
    memset(constant, 0x02, sizeof constant);
    hmac(keys->sik, MAC_BYTES, constant, sizeof constant, k2);
    memcpy(auth->sik, keys->sik, KEY_BYTES);
    memcpy(auth->k1, keys->k1, KEY_BYTES);
    memcpy(auth->k2, k2, KEY_BYTES);
}

static int auth_set2(lanserv_data_t *lan, session_t *session, unsigned char *data,
                     unsigned int *length, unsigned int max)
{
    auth_data_t *auth = &session->auth_data;
    struct keys *keys = keys_of(session);
    struct bytes input = {.length = 0};

    if (*length + MAC_BYTES_FITTING > max)
        return E2BIG;
    put_u32(&input, session->rem_sid);
    put_u32(&input, session->sid);
    put(&input, auth->rem_rand, RANDOM_BYTES);
    put(&input, auth->rand, RANDOM_BYTES);
    put(&input, lan->guid, GUID_BYTES);
    put_user(&input, auth);
    hmac(lan->users[session->userid].pw, KEY_BYTES, input.data, input.length, keys->rakp2_mac);
    memcpy(data + *length, keys->rakp2_mac, MAC_BYTES_FITTING);
    *length += MAC_BYTES_FITTING;
    composing = keys;
    derive_keys(lan, session);
    return 0;
}

static int auth_check3(lanserv_data_t *lan, session_t *session, unsigned char *data,
                       unsigned int *length)
{
    auth_data_t *auth = &session->auth_data;
    unsigned char mac[MAC_BYTES];
    struct bytes input = {.length = 0};

    if (*length < 8 + MAC_BYTES)
        return E2BIG;
    put(&input, auth->rand, RANDOM_BYTES);
    put_u32(&input, session->rem_sid);
    put_user(&input, auth);
    hmac(lan->users[session->userid].pw, KEY_BYTES, input.data, input.length, mac);
    if (memcmp(mac, data + *length - MAC_BYTES, MAC_BYTES) != 0)
        return EINVAL;
    *length -= MAC_BYTES;
    return 0;
}

static int auth_set4(lanserv_data_t *lan, session_t *session, unsigned char *data,
                     unsigned int *length, unsigned int max)
{
    unsigned char mac[MAC_BYTES];
    struct bytes input = {.length = 0};

    if (*length + ICV_BYTES > max)
        return E2BIG;
    put(&input, session->auth_data.rem_rand, RANDOM_BYTES);
    put_u32(&input, session->sid);
    put(&input, lan->guid, GUID_BYTES);
    hmac(keys_of(session)->sik, MAC_BYTES, input.data, input.length, mac);
    memcpy(data + *length, mac, ICV_BYTES);
    *length += ICV_BYTES;
    return 0;
}

/* Integrity algorithm */

static int integ_init(lanserv_data_t *lan, session_t *session)
{
    (void)lan;
    session->auth_data.ikey2 = EVP_sha256();
    session->auth_data.ikey = keys_of(session)->k1;
    session->auth_data.ikey_len = MAC_BYTES;
    session->auth_data.integ_len = ICV_BYTES;
    return 0;
}

static void integ_cleanup(lanserv_data_t *lan, session_t *session)
{
    (void)lan;
    (void)session;
}

static int integ_add(lanserv_data_t *lan, session_t *session, unsigned char *packet,
                     unsigned int *length, unsigned int max)
{
    unsigned char mac[MAC_BYTES];

    (void)lan;
    if (*length + ICV_BYTES > max)
        return E2BIG;
    hmac(keys_of(session)->k1, MAC_BYTES, packet + 4, *length - 4, mac);
    memcpy(packet + *length, mac, ICV_BYTES);
    *length += ICV_BYTES;
    return 0;
}

static int integ_check(lanserv_data_t *lan, session_t *session, msg_t *msg)
{
    unsigned char mac[MAC_BYTES];
    int signed_length = msg->len - ICV_BYTES;

    (void)lan;
    if (signed_length < 5)
        return E2BIG;
    hmac(keys_of(session)->k1, MAC_BYTES, msg->data, signed_length, mac);
    return memcmp(mac, msg->data + signed_length, ICV_BYTES) == 0 ? 0 : EINVAL;
}

/* The tail of RAKP 2 */

static ipmi_payload_handler_cb simulator_rakp1;
static void (*simulator_send)(lanserv_data_t *, struct iovec *, int, void *, int);

static void send_with_tail(lanserv_data_t *lan, struct iovec *parts, int count, void *to, int to_length)
{
    const unsigned int tail = MAC_BYTES - MAC_BYTES_FITTING;
    unsigned char datagram[256];
    unsigned int length = 0;
    struct iovec whole;
    int i;

    for (i = 0; i < count; i++) {
        if (length + parts[i].iov_len > sizeof datagram - tail) {
            simulator_send(lan, parts, count, to, to_length);
            return;
        }
        memcpy(datagram + length, parts[i].iov_base, parts[i].iov_len);
        length += parts[i].iov_len;
    }
    if (composing && (datagram[5] & 0x3f) == PAYLOAD_RAKP2
        && (datagram[14] | datagram[15] << 8) == RAKP2_PAYLOAD_FITTING) {
        memcpy(datagram + length, composing->rakp2_mac + MAC_BYTES_FITTING, tail);
        length += tail;
        datagram[14] = RAKP2_PAYLOAD_FITTING + tail;
    }
    whole.iov_base = datagram;
    whole.iov_len = length;
    simulator_send(lan, &whole, 1, to, to_length);
}

static void rakp1_with_tail(lanserv_data_t *lan, msg_t *msg)
{
    simulator_send = lan->send_out;
    composing = NULL;
    lan->send_out = send_with_tail;
    simulator_rakp1(lan, msg);
    lan->send_out = simulator_send;
}

/* Module */

static auth_handlers_t auth = {
    .init = auth_init, .set2 = auth_set2, .check3 = auth_check3, .set4 = auth_set4};
static integ_handlers_t integ = {
    .init = integ_init, .cleanup = integ_cleanup, .add = integ_add, .check = integ_check};

static void set_suite(int row, int integrity, int confidentiality)
{
    valid_cipher_suites[row].auth = RAKP_HMAC_SHA256;
    valid_cipher_suites[row].integ = integrity;
    valid_cipher_suites[row].conf = confidentiality;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
    (void)sys;
    (void)options;
    printf("sha256 1\n");
    return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, char *options)
{
    (void)sys;
    (void)options;
    auths[RAKP_HMAC_SHA256] = &auth;
    integs[HMAC_SHA256_128] = &integ;
    simulator_rakp1 = payload_handlers[PAYLOAD_RAKP1];
    payload_handlers[PAYLOAD_RAKP1] = rakp1_with_tail;
    /* These rows stand for xRC4, which the simulator never had built in. */
    set_suite(4, HMAC_SHA256_128, AES_CBC_128);
    set_suite(5, HMAC_SHA256_128, NONE);
    set_suite(9, NONE, NONE);
    return 0;
}
