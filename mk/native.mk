# SPDX-License-Identifier: MIT
# native.mk - native programs: tests under sanitizers, ends of the benchmarks

$(eval $(call flavour,asan,CC asan,$(CC),$(ASAN_FLAGS)))
$(eval $(call flavour,tsan,CC tsan,$(CC),$(TSAN_FLAGS)))
# lwip_rig/ has its own lwip_port.h; lwip_unit/ its own lwipopts.h, which changes a few options.
$(eval $(call flavour,rig,CC rig,$(CC),$(ASAN_FLAGS),-Itests/c/lwip_rig))
$(eval $(call flavour,unit,CC unit,$(CC),$(ASAN_FLAGS),-Itests/c/lwip_unit -I$(LWIP)/test/unit))

# $(call native_test,FLAVOUR,NAME,objects to link with,flags): the rule for one program of tests/c.
define native_test
build/$(1)/$(2): build/$(1)/tests/c/$(2).o $(3)
	$$(call run,LD $(1),$(2))$(CC) $(4) $$^ $$(CHECK_LIBS) -o $$@
endef
ASAN_LWIP := $(call objects,asan,$(LWIP_SRC))
ASAN_ALONE := $(call objects,asan,$(LWIP_ALL) $(LWIP_EXT))
ASAN_ALL := $(call objects,asan,$(CORE_SRC)) $(ASAN_LWIP)
TSAN_ALL := $(call objects,tsan,$(CORE_SRC) $(LWIP_SRC))
$(foreach test,$(CORE_TESTS),$(eval $(call native_test,asan,$(test),$(ASAN_ALL),$(ASAN_FLAGS))))
$(foreach test,$(TSAN_TESTS),$(eval $(call native_test,tsan,$(test),$(TSAN_ALL),$(TSAN_FLAGS))))
$(foreach test,$(RIG_TESTS),$(eval $(call native_test,rig,$(test),$(ASAN_ALONE),$(ASAN_FLAGS))))

LWIP_UNIT_OBJ := $(call objects,unit,$(wildcard tests/c/lwip_unit/*.c) core/util/chksum.c) \
	$(call objects,unit,$(LWIP_UNIT_SRC) $(LWIP_ALL) $(LWIP_EXT))
build/unit/lwip_unit: $(LWIP_UNIT_OBJ)
	$(call run,LD unit,lwip_unit)$(CC) $(ASAN_FLAGS) $^ $(CHECK_LIBS) -o $@

NATIVE_TESTS := $(CORE_TESTS:%=build/asan/%) $(TSAN_TESTS:%=build/tsan/%) \
	$(RIG_TESTS:%=build/rig/%) build/unit/lwip_unit

# The functions of core/ring.c alone, for tests/interop.
SHIM_OBJ := $(call objects,$(WASM),tests/interop/ring_shim.c core/ring.c core/ring_resize.c core/doorbell.c \
	core/mem/libc.c)
$(SHIM_OBJ): | build/hidden.h
build/test/ring_shim.wasm: $(SHIM_OBJ) tools/wasm_imports.mjs
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WASM_FLAGS) $(SHIM_OBJ) -o $@
	$(Q)node tools/wasm_imports.mjs $@

# What the TypeScript tests load.
TEST_JS := all build/host/abi_gen build/test/ring_shim.wasm

# The core as the benchmarks compare it with wasm: as fast as the compiler makes it. lwIP has one stack
# a program, so two copies of a shared library are loaded.
BENCH_FLAGS := $(STD) -O3 -fPIC -fvisibility=hidden -pthread -DRINGSTACK_NATIVE \
	-DIPV6_FRAG_COPYHEADER=1 -DNDEBUG
$(eval $(call flavour,native,CC O3,$(CC),$(BENCH_FLAGS)))
CORE_END := $(call objects,native,bench/native/core_end.c $(CORE_SRC) $(LWIP_SRC))
build/native/core_client.so build/native/core_server.so: $(CORE_END)
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) -shared $^ -o $@
build/native/core_pair: build/native/bench/native/core_pair.o
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) $^ -ldl -o $@
build/native/kernel_end: build/native/bench/native/kernel_end.o
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) $^ -o $@
build/native/frame_end: build/native/bench/native/frame_end.o
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) $^ -o $@
# Linux's TCP as a baseline needs Linux, and so do its devices.
NATIVE_BENCH := build/native/core_pair build/native/core_client.so build/native/core_server.so \
	$(if $(wildcard /usr/include/linux/if_tun.h),build/native/kernel_end)
