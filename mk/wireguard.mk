# SPDX-License-Identifier: MIT
# wireguard.mk - packages/wireguard/dist/: wireguard.wasm, JavaScript, declarations

WG := packages/wireguard
WG_SRC := $(wildcard $(WG)/core/*.c) core/mem/libc.c
WG_OBJ := $(call objects,wasm-wg,$(WG_SRC))
WG_FLAGS := $(WASM_SPEED) $(WASM_PIC)
DEPS += $(WG_OBJ:.o=.d)

.PHONY: wireguard
all: wireguard
## wireguard            all of packages/wireguard/dist/
wireguard: $(WG)/dist/index.js $(WG)/dist/wireguard.wasm

$(eval $(call flavour,wasm-wg,EMCC,$$(EMCC_ENV) $(EMCC),$(STD) $(WG_FLAGS) $(WASM_HIDDEN)))
$(WG_OBJ): | build/hidden.h
# Loops over all bytes of a packet, and those of a multiplication, are for speed; all others run once a handshake.
WG_SMALL := $(filter-out $(WG)/core/aead $(WG)/core/x25519 $(WG)/core/blake2s,$(patsubst %.c,%,$(WG_SRC)))
$(WG_SMALL:%=build/wasm-wg/%.o): EXTRA += -Os

build/wasm-wg/wireguard.wasm: $(WG_OBJ) tools/wasm_imports.mjs
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WG_FLAGS) $(WASM_NAMES) $(WG_OBJ) -o $@
	$(Q)node tools/wasm_imports.mjs $@ host_random host_timestamp host_transmit host_deliver host_limit

$(WG)/dist/wireguard.wasm: build/wasm-wg/wireguard.wasm
	@mkdir -p $(@D); install -m 644 $< $@

# The primitives and the handshake alone, for tests.
WG_SHIM_OBJ := $(call objects,wasm-wg,tests/wireguard/crypto_shim.c $(addprefix $(WG)/core/,aead.c blake2s.c x25519.c \
	noise.c allowed.c memory.c) core/mem/libc.c)
$(WG_SHIM_OBJ): | build/hidden.h
build/test/wireguard_shim.wasm: $(WG_SHIM_OBJ) tools/wasm_imports.mjs
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WG_FLAGS) $(WG_SHIM_OBJ) -o $@
	$(Q)node tools/wasm_imports.mjs $@
TEST_JS += build/test/wireguard_shim.wasm

# The device natively, under sanitizers: all of it but what only an instance has.
WG_NATIVE_OBJ := $(call objects,asan,tests/wireguard/test_native.c $(filter-out %/main.c %/memory.c,$(wildcard $(WG)/core/*.c)))
DEPS += $(WG_NATIVE_OBJ:.o=.d)
build/asan/test_wireguard: $(WG_NATIVE_OBJ)
	$(call run,LD asan,test_wireguard)$(CC) $(ASAN_FLAGS) $^ $(CHECK_LIBS) -o $@
NATIVE_TESTS += build/asan/test_wireguard
