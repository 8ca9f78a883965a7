# SPDX-License-Identifier: MIT
# dist.mk - dist/: stack.wasm, JavaScript, declarations

##@ Build
.PHONY: all wasm js packages abi size FORCE
## all                  all of dist/, and packages; what make alone does
all: wasm js packages
## wasm                 dist/stack.wasm
wasm: dist/stack.wasm
## js                   JavaScript and declarations
js: dist/index.js

WASM := wasm$(if $(PROFILE),-profile)
WASM_OBJ := $(call objects,$(WASM),$(CORE_SRC) $(LWIP_SRC))
$(eval $(call flavour,$(WASM),EMCC,$$(EMCC_ENV) $(EMCC),$(STD) $(WASM_FLAGS) $(WASM_HIDDEN) \
	$(WASM_NULL)))

$(WASM_OBJ): | build/hidden.h
build/hidden.h:
	@mkdir -p $(@D); echo '#pragma GCC visibility push(hidden)' >$@

# $(call own_flags,objects,flags): flags of some objects beside those of all. A change of them rebuilds all.
define own_flags
$(1:%=build/$(WASM)/%.o): EXTRA += $(2)
OWN_FLAGS += $(2): $(1)
endef

# Rarely run, or once a batch: a fifth of the module at -O3.
# lwIP: connections that open and close, neighbours, control messages.
WASM_SMALL := $(addprefix lwip/src/core/,netif tcp ipv4/icmp ipv4/ip4_addr ipv6/icmp6 ipv6/ip6_addr)
# Ours: set-up, change of buffers, loops over lists. A turn, its commands and work lists are not here: 800 bytes, and RR
# takes 1.016 of what it took before they had files of their own, not 1.055.
WASM_SMALL += $(addprefix core/,mem/arena lwip_port main ring_resize \
	$(addprefix sock/,ring_storage sock sock_event tcp tcp_bind tcp_listen tcp_open tcp_rings protocol) \
	$(addprefix lwext/,tcp_park tcp_recovery tcp_table timers))
# Datagrams, fragments, groups, interfaces that come, go and change: smaller still.
WASM_LEAST := $(addprefix lwip/src/core/,ipv4/ip4_frag ipv6/ip6_frag) $(addprefix core/,\
	$(addprefix iface/,iface address bridge_table bridge_guard bridge route table neighbor arp nd admit) \
	$(addprefix lwext/,group group_send error_limit path_mtu ip_input) \
	$(addprefix sock/,dgram dgram_in dgram_out dgram_table flow icmp ip_send udp tcp_icmp) change)
# Packets and commands: 900 bytes; a round trip takes 1.00 to 1.02 of the processor time.
WASM_SMALL += lwip/src/core/pbuf core/command
$(eval $(call own_flags,$(WASM_SMALL),-Os))
$(eval $(call own_flags,$(WASM_LEAST),-Oz))
# The others inline less than -O3 does by itself (225), and are no slower.
WASM_FAST := $(filter-out $(WASM_SMALL) $(WASM_LEAST),$(WASM_OBJ:build/$(WASM)/%.o=%))
$(eval $(call own_flags,$(WASM_FAST),-mllvm -inline-threshold=100))
# Loops over all bytes of a packet.
$(eval $(call own_flags,core/util/chksum,-funroll-loops))
# On the path of every packet: byte order by instructions in place, not by a call (lwip/arch/cc.h).
$(eval $(call own_flags,$(addprefix lwip/src/,core/tcp_in core/tcp_out core/inet_chksum core/ipv4/ip4 \
	core/ipv6/ip6 netif/ethernet),-DSWAP_IN_PLACE))

$(eval $(call flags_file,$(WASM)/own,$(OWN_FLAGS)))
$(WASM_OBJ): build/$(WASM)/own/flags

# emcc only links: its wasm-opt is the one that the machine has. That of npm is the same everywhere, and newer: 590 bytes.
# It would put the functions that swap bytes into each of their callers again. The functions that are called most come
# first: their numbers take one byte. A second pass sees what the first has left.
WASM_LINK := $(filter-out -O%,$(WASM_FLAGS)) -O0 $(WASM_NAMES)
WASM_OPT := --mvp-features --enable-threads --enable-mutable-globals --enable-simd --enable-bulk-memory \
	--enable-sign-ext --strip-dwarf --post-emscripten -O3 -O3 --low-memory-unused \
	--flexible-inline-max-function-size=8 --reorder-functions --strip-producers $(if $(PROFILE),-g,--strip-debug)
# Addresses in the first 1024 bytes of data are folded into loads and stores. So the variables that are named most often
# come first, and files with large tables last.
WASM_FIRST := $(patsubst %,build/$(WASM)/%.o,$(addprefix lwip/src/core/,ip tcp_in tcp netif) \
	$(addprefix core/,lwip_port iface/ringif loop lwext/timers))
WASM_LAST := $(patsubst %,build/$(WASM)/%.o,$(addprefix core/,sock/sock_work command sock/protocol channel main \
	lwext/tcp_park lwext/tcp_table mem/heap) lwip/src/core/stats \
	$(addprefix core/,sock/dgram_table sock/sock iface/iface))
WASM_IN_ORDER := $(WASM_FIRST) $(filter-out $(WASM_FIRST) $(WASM_LAST),$(WASM_OBJ)) $(WASM_LAST)
$(eval $(call flags_file,$(WASM)/link,$(WASM_LINK) $(WASM_IN_ORDER)))
build/$(WASM)/linked.wasm: $(WASM_OBJ) build/$(WASM)/link/flags
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WASM_LINK) $(WASM_IN_ORDER) -o $@

$(eval $(call flags_file,$(WASM)/opt,$(WASM_OPT)))
build/$(WASM)/stack.wasm: build/$(WASM)/linked.wasm build/$(WASM)/opt/flags tools/wasm_imports.mjs \
		node_modules/.package-lock.json
	$(call run,OPT,$@)node_modules/.bin/wasm-opt $(WASM_OPT) $< -o $@
	$(Q)node tools/wasm_imports.mjs $@

# dist/ has one module: that of the last build, with or without PROFILE.
dist/stack.wasm: build/$(WASM)/stack.wasm FORCE
	@mkdir -p $(@D); cmp -s $< $@ || install -m 644 $< $@

$(LWIPDIR)/Filelists.mk: lwip/fetch.sh lwip/VERSION lwip/patches $(wildcard lwip/patches/*.patch)
	$(Q)$(call require,source)lwip/fetch.sh && touch $@

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	$(call require,js)
	$(call run,NPM,ci)npm ci --ignore-scripts --no-progress --loglevel=error >/dev/null
	@touch -c $@

$(eval $(call flags_file,js,$(JS_SRC)))
dist/index.js: $(JS_SRC) tsconfig.json tsconfig.build.json tools/build.mjs tools/declarations.mjs tools/entries.mjs \
		package.json build/js/flags node_modules/.package-lock.json
	@mkdir -p $(@D)
	$(call run,TSC,js)rm -rf build/types && node_modules/.bin/tsc -p tsconfig.build.json
	$(call run,BUNDLE,$@)node tools/build.mjs

## packages             dist/ of each package in packages/
packages: packages/node/dist/index.js packages/wireguard/dist/index.js

# $(call package,NAME): its dist/, of its own files and of the declarations of ringstack.
define package
$(eval $(call flags_file,packages/$(1),$(sort $(wildcard packages/$(1)/src/*.ts packages/$(1)/src/*/*.ts))))
packages/$(1)/dist/index.js: $(wildcard packages/$(1)/src/*.ts packages/$(1)/src/*/*.ts packages/$(1)/*.json) \
		tools/build_package.mjs tools/declarations.mjs dist/index.js build/packages/$(1)/flags
	$$(call run,BUNDLE,$$@)node tools/build_package.mjs packages/$(1)
endef
$(eval $(call package,node))
$(eval $(call package,wireguard))

## abi                  js/abi.ts from core/abi.h
abi: build/host/abi_gen
	$(call run,GEN,js/abi.ts)build/host/abi_gen >build/host/abi.ts && cp build/host/abi.ts js/abi.ts

build/host/abi_gen: core/abi_gen.c core/abi.h
	@mkdir -p $(@D)
	$(call run,HOSTCC,$<)$(CC) $(STD) $(WARNINGS) -O1 -Icore $< -o $@

## size                 bytes of every subpath, and their limits (tools/size.json)
size: all
	$(Q)node tools/size.mjs
