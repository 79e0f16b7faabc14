/* What Sealane needs of libibverbs, with an interface that cannot drift from the header: structures of
 * our own, filled in and read out here, where the compiler sees the real ones. Half of verbs is inline
 * functions (post, poll, query_port), which a binding would otherwise have to write anew.
 *
 * Every function returns 0 or a count on success, and a negative errno or NULL (with errno) on failure.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <infiniband/verbs.h>

struct sl_limits {
    uint32_t ports;
    uint32_t max_qp;
    uint32_t max_qp_wr;
    uint32_t max_cqe;
};

struct sl_port {
    uint32_t state;
    uint32_t active_mtu;
    uint32_t gid_entries;
    uint32_t lid;
    uint32_t link_layer;
};

struct sl_gid {
    uint8_t raw[16];
    uint32_t type;
    uint32_t interface;
    uint32_t port;
    uint32_t index;
};

struct sl_caps {
    uint32_t send;
    uint32_t receive;
    uint32_t inline_bytes;
};

struct sl_destination {
    uint8_t gid[16];
    uint32_t lid;
    uint8_t gid_index;
    uint8_t port;
    uint8_t traffic_class;
    uint8_t hop_limit;
};

struct sl_send {
    uint64_t id;
    uint64_t address;
    void *destination;
    uint32_t length;
    uint32_t remote_qpn;
    uint32_t flags;
    uint32_t reserved;
};

struct sl_receive {
    uint64_t id;
    uint64_t address;
};

struct sl_completion {
    uint64_t id;
    uint32_t status;
    uint32_t vendor;
    uint32_t length;
    uint32_t source_qpn;
    uint32_t flags;
    uint32_t source_lid;
};

struct sl_event {
    uint32_t kind;
    uint32_t number;
};

/* The Rust side asserts the same sizes. */
_Static_assert(sizeof(struct sl_limits) == 16, "sl_limits");
_Static_assert(sizeof(struct sl_port) == 20, "sl_port");
_Static_assert(sizeof(struct sl_gid) == 32, "sl_gid");
_Static_assert(sizeof(struct sl_caps) == 12, "sl_caps");
_Static_assert(sizeof(struct sl_destination) == 24, "sl_destination");
_Static_assert(sizeof(struct sl_send) == 40, "sl_send");
_Static_assert(sizeof(struct sl_receive) == 16, "sl_receive");
_Static_assert(sizeof(struct sl_completion) == 32, "sl_completion");
_Static_assert(sizeof(struct sl_event) == 8, "sl_event");

/* Work requests that are built at a time. */
#define CHAIN 64
#define COMPLETIONS 32
#define GIDS 256

#define SL_SEND_SIGNALLED 1u
#define SL_SEND_INLINE 2u
#define SL_HAS_GRH 1u

struct ibv_device **sl_devices(int *count) { return ibv_get_device_list(count); }

void sl_free_devices(struct ibv_device **list) { ibv_free_device_list(list); }

const char *sl_device_name(struct ibv_device **list, int index) {
    return ibv_get_device_name(list[index]);
}

struct ibv_context *sl_open(struct ibv_device **list, int index) {
    return ibv_open_device(list[index]);
}

void sl_close(struct ibv_context *context) { ibv_close_device(context); }

int sl_query_device(struct ibv_context *context, struct sl_limits *out) {
    struct ibv_device_attr attr;
    int error = ibv_query_device(context, &attr);
    if (error)
        return -error;
    out->ports = attr.phys_port_cnt;
    out->max_qp = (uint32_t)attr.max_qp;
    out->max_qp_wr = (uint32_t)attr.max_qp_wr;
    out->max_cqe = (uint32_t)attr.max_cqe;
    return 0;
}

int sl_query_port(struct ibv_context *context, uint8_t port, struct sl_port *out) {
    struct ibv_port_attr attr;
    memset(&attr, 0, sizeof(attr));
    int error = ibv_query_port(context, port, &attr);
    if (error)
        return -error;
    out->state = attr.state;
    out->active_mtu = attr.active_mtu;
    out->gid_entries = (uint32_t)attr.gid_tbl_len;
    out->lid = attr.lid;
    out->link_layer = attr.link_layer;
    return 0;
}

/* The GIDs of all ports that are not empty; returns how many there are. */
int sl_query_gids(struct ibv_context *context, struct sl_gid *out, uint32_t most) {
    struct ibv_gid_entry entries[GIDS];
    memset(entries, 0, sizeof(entries));
    ssize_t count = ibv_query_gid_table(context, entries, most < GIDS ? most : GIDS, 0);
    for (ssize_t i = 0; i < count; i++) {
        memcpy(out[i].raw, entries[i].gid.raw, sizeof(out[i].raw));
        out[i].type = entries[i].gid_type;
        out[i].interface = entries[i].ndev_ifindex;
        out[i].port = entries[i].port_num;
        out[i].index = entries[i].gid_index;
    }
    return (int)count;
}

int sl_async_fd(struct ibv_context *context) { return context->async_fd; }

/* The descriptor must not block. */
int sl_async_event(struct ibv_context *context, struct sl_event *out) {
    struct ibv_async_event event;
    if (ibv_get_async_event(context, &event))
        return -errno;
    out->kind = (uint32_t)event.event_type;
    switch (event.event_type) {
    case IBV_EVENT_QP_FATAL:
    case IBV_EVENT_QP_REQ_ERR:
    case IBV_EVENT_QP_ACCESS_ERR:
        out->number = event.element.qp->qp_num;
        break;
    default:
        out->number = (uint32_t)event.element.port_num;
    }
    ibv_ack_async_event(&event);
    return 0;
}

struct ibv_pd *sl_alloc_pd(struct ibv_context *context) { return ibv_alloc_pd(context); }

void sl_dealloc_pd(struct ibv_pd *pd) { ibv_dealloc_pd(pd); }

struct ibv_mr *sl_register(struct ibv_pd *pd, void *address, uint64_t length, uint32_t *lkey) {
    struct ibv_mr *mr = ibv_reg_mr(pd, address, length, IBV_ACCESS_LOCAL_WRITE);
    if (mr)
        *lkey = mr->lkey;
    return mr;
}

void sl_deregister(struct ibv_mr *mr) { ibv_dereg_mr(mr); }

struct ibv_comp_channel *sl_create_channel(struct ibv_context *context) {
    return ibv_create_comp_channel(context);
}

int sl_channel_fd(struct ibv_comp_channel *channel) { return channel->fd; }

void sl_destroy_channel(struct ibv_comp_channel *channel) { ibv_destroy_comp_channel(channel); }

struct ibv_cq *sl_create_cq(struct ibv_context *context, uint32_t entries,
                            struct ibv_comp_channel *channel) {
    return ibv_create_cq(context, (int)entries, NULL, channel, 0);
}

void sl_destroy_cq(struct ibv_cq *cq) { ibv_destroy_cq(cq); }

int sl_arm(struct ibv_cq *cq) { return -ibv_req_notify_cq(cq, 0); }

/* Takes the events that wait on a channel that does not block; returns how many there were. */
int sl_drain(struct ibv_comp_channel *channel) {
    struct ibv_cq *cq;
    void *ignored;
    int count = 0;
    while (count < 1024 && !ibv_get_cq_event(channel, &cq, &ignored)) {
        ibv_ack_cq_events(cq, 1);
        count++;
    }
    return count;
}

struct ibv_qp *sl_create_qp(struct ibv_pd *pd, struct ibv_cq *cq, struct sl_caps *caps) {
    struct ibv_qp_init_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.send_cq = cq;
    attr.recv_cq = cq;
    attr.qp_type = IBV_QPT_UD;
    attr.cap.max_send_wr = caps->send;
    attr.cap.max_recv_wr = caps->receive;
    attr.cap.max_send_sge = 1;
    attr.cap.max_recv_sge = 1;
    attr.cap.max_inline_data = caps->inline_bytes;
    struct ibv_qp *qp = ibv_create_qp(pd, &attr);
    if (qp) {
        caps->send = attr.cap.max_send_wr;
        caps->receive = attr.cap.max_recv_wr;
        caps->inline_bytes = attr.cap.max_inline_data;
    }
    return qp;
}

void sl_destroy_qp(struct ibv_qp *qp) { ibv_destroy_qp(qp); }

uint32_t sl_qp_number(struct ibv_qp *qp) { return qp->qp_num; }

int sl_qp_reset(struct ibv_qp *qp) {
    struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RESET};
    return -ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

int sl_qp_fail(struct ibv_qp *qp) {
    struct ibv_qp_attr attr = {.qp_state = IBV_QPS_ERR};
    return -ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

int sl_qp_init(struct ibv_qp *qp, uint8_t port, uint32_t qkey) {
    struct ibv_qp_attr attr = {
        .qp_state = IBV_QPS_INIT, .pkey_index = 0, .port_num = port, .qkey = qkey};
    return -ibv_modify_qp(qp, &attr,
                          IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY);
}

int sl_qp_ready_to_receive(struct ibv_qp *qp) {
    struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RTR};
    return -ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

int sl_qp_ready_to_send(struct ibv_qp *qp) {
    struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RTS, .sq_psn = 0};
    return -ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN);
}

struct ibv_ah *sl_create_ah(struct ibv_pd *pd, const struct sl_destination *to) {
    struct ibv_ah_attr attr;
    memset(&attr, 0, sizeof(attr));
    memcpy(attr.grh.dgid.raw, to->gid, sizeof(to->gid));
    attr.grh.sgid_index = to->gid_index;
    attr.grh.hop_limit = to->hop_limit;
    attr.grh.traffic_class = to->traffic_class;
    attr.dlid = (uint16_t)to->lid;
    attr.is_global = 1;
    attr.port_num = to->port;
    return ibv_create_ah(pd, &attr);
}

void sl_destroy_ah(struct ibv_ah *ah) { ibv_destroy_ah(ah); }

/* Posts a chain with one doorbell per CHAIN requests; returns how many the queue took, and says in
 * `error` why it took no more. */
uint32_t sl_post_send(struct ibv_qp *qp, uint32_t qkey, uint32_t lkey, const struct sl_send *sends,
                      uint32_t count, int *error) {
    struct ibv_send_wr requests[CHAIN], *bad;
    struct ibv_sge pieces[CHAIN];
    uint32_t posted = 0;
    *error = 0;
    while (posted < count) {
        uint32_t n = count - posted < CHAIN ? count - posted : CHAIN;
        for (uint32_t i = 0; i < n; i++) {
            const struct sl_send *from = &sends[posted + i];
            struct ibv_send_wr *to = &requests[i];
            pieces[i] = (struct ibv_sge){
                .addr = from->address, .length = from->length, .lkey = lkey};
            memset(to, 0, sizeof(*to));
            to->wr_id = from->id;
            to->next = i + 1 < n ? &requests[i + 1] : NULL;
            to->sg_list = &pieces[i];
            to->num_sge = 1;
            to->opcode = IBV_WR_SEND;
            to->send_flags = (from->flags & SL_SEND_SIGNALLED ? IBV_SEND_SIGNALED : 0) |
                             (from->flags & SL_SEND_INLINE ? IBV_SEND_INLINE : 0);
            to->wr.ud.ah = from->destination;
            to->wr.ud.remote_qpn = from->remote_qpn;
            to->wr.ud.remote_qkey = qkey;
        }
        *error = ibv_post_send(qp, requests, &bad);
        if (*error)
            return posted + (uint32_t)(bad - requests);
        posted += n;
    }
    return posted;
}

/* As sl_post_send, for receives of `length` bytes each. */
uint32_t sl_post_receive(struct ibv_qp *qp, uint32_t lkey, uint32_t length,
                         const struct sl_receive *receives, uint32_t count, int *error) {
    struct ibv_recv_wr requests[CHAIN], *bad;
    struct ibv_sge pieces[CHAIN];
    uint32_t posted = 0;
    *error = 0;
    while (posted < count) {
        uint32_t n = count - posted < CHAIN ? count - posted : CHAIN;
        for (uint32_t i = 0; i < n; i++) {
            const struct sl_receive *from = &receives[posted + i];
            pieces[i] = (struct ibv_sge){.addr = from->address, .length = length, .lkey = lkey};
            requests[i] = (struct ibv_recv_wr){.wr_id = from->id,
                                               .next = i + 1 < n ? &requests[i + 1] : NULL,
                                               .sg_list = &pieces[i],
                                               .num_sge = 1};
        }
        *error = ibv_post_recv(qp, requests, &bad);
        if (*error)
            return posted + (uint32_t)(bad - requests);
        posted += n;
    }
    return posted;
}

/* Returns how many completions were written, at most COMPLETIONS. */
int sl_poll(struct ibv_cq *cq, struct sl_completion *out, uint32_t most) {
    struct ibv_wc found[COMPLETIONS];
    int count = ibv_poll_cq(cq, (int)(most < COMPLETIONS ? most : COMPLETIONS), found);
    for (int i = 0; i < count; i++) {
        out[i] = (struct sl_completion){
            .id = found[i].wr_id,
            .status = (uint32_t)found[i].status,
            .vendor = found[i].vendor_err,
            .length = found[i].byte_len,
            .source_qpn = found[i].src_qp,
            .flags = found[i].wc_flags & IBV_WC_GRH ? SL_HAS_GRH : 0,
            .source_lid = found[i].slid,
        };
    }
    return count;
}
