# SPDX-License-Identifier: MIT
# sources.mk - what is compiled, bundled and tested: lists of files

LWIP := build/lwip/patched
LWIPDIR := $(LWIP)/src

# Algorithms that lwIP's hooks call (lwip/patches/); where lwIP is tested alone, these are with it.
LWIP_EXT := $(patsubst %,core/lwext/%.c,tcp_recovery tcp_rto tcp_tso)
# The core, in the order of its layers; nothing else of core/ is compiled into the module.
CORE_SRC := $(patsubst %,core/%.c,$(addprefix mem/,libc arena heap) $(addprefix util/,random chksum) doorbell \
	ring_resize ring lwip_port $(addprefix iface/,ringif neighbor arp nd address admit iface bridge_table bridge_guard \
	bridge forward route table) \
	$(addprefix lwext/,memp tcp_park tcp_table timers error_limit path_mtu ip_input group_send group) channel \
	$(addprefix sock/,ring_storage sock sock_event sock_work tcp_rings tcp_data tcp tcp_bind tcp_open tcp_listen \
	dgram_table dgram_in flow ip_send tcp_icmp udp icmp dgram_out dgram protocol) change command loop main) $(LWIP_EXT)

# lwIP's own lists. What our options switch off in these files compiles to nothing.
# Goals that compile nothing of lwIP do without, and so do those that first install what is missing (mk/staged.mk).
LIGHT_GOALS += help setup release bench-compare bench-report js abi docs check-format check-sh check-js check-types \
	check-docs format clean distclean
ifneq ($(filter-out $(LIGHT_GOALS),$(or $(MAKECMDGOALS),all)),)
include $(LWIPDIR)/Filelists.mk
endif
LWIP_ALL := $(COREFILES) $(CORE4FILES) $(CORE6FILES) $(LWIPDIR)/netif/ethernet.c
# Without what core/lwext/ip_input.c, group.c and memp.c, core/iface/arp.c and nd.c, core/lwext/timers.c stand in for.
LWIP_SRC := $(filter-out %/memp.c %/raw.c %/igmp.c %/mld6.c %/etharp.c %/nd6.c %/ethip6.c %/timeouts.c,$(LWIP_ALL))

JS_SRC := $(sort $(wildcard js/*.ts js/*/*.ts js/*/*/*.ts js/*/*/*/*.ts))

# Programs of tests/c, each with its own main. Those with "threads" in their name also run under TSan;
# those that include the rig are linked with lwIP alone, the others with the core too.
C_TESTS := $(patsubst tests/c/%.c,%,$(wildcard tests/c/test_*.c))
RIG_TESTS := $(patsubst tests/c/%.c,%,$(shell grep -sl '"lwip_rig/' tests/c/test_*.c))
CORE_TESTS := $(filter-out $(RIG_TESTS),$(C_TESTS))
TSAN_TESTS := $(foreach test,$(CORE_TESTS),$(if $(findstring threads,$(test)),$(test)))

# lwIP's own unit tests; tests/c/lwip_unit/main.c says why these suites and not the others.
LWIP_UNIT_SRC := $(patsubst %,$(LWIP)/test/unit/%.c,arch/sys_arch core/test_def core/test_netif \
	core/test_pbuf etharp/test_etharp ip4/test_ip4 ip6/test_ip6 tcp/tcp_helper tcp/test_tcp \
	tcp/test_tcp_oos tcp/test_tcp_state)
