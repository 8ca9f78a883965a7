# SPDX-License-Identifier: MIT
# rules.mk - what rules are made of: quiet commands, what must be installed, objects of a flavour

# $(call run,CC,file) opens a command: shows two words, or with V=1 the command itself.
run = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)'; )
Q := $(if $(V),,@)

# $(call require,GROUP) stops with one line that says what to install, if what tools/setup.sh has in
# that group is missing.
SETUP := EMCC='$(EMCC)' CC='$(CC)' tools/setup.sh
require = $(call refuse,$(shell $(SETUP) --check $(1) 2>&1))
refuse = $(if $(1),$(error $(1)))

# build/FLAVOUR/flags changes only when the flags do, so that changed flags rebuild what they touch.
define flags_file
build/$(1)/flags: FORCE
	@mkdir -p $$(@D); printf '%s\n' '$(2)' | cmp -s - $$@ || { printf '%s\n' '$(2)' >$$@; }
endef

# $(call objects,FLAVOUR,sources): where the objects of sources lie.
objects = $(patsubst %.c,build/$(1)/%.o,$(subst $(LWIP)/,lwip/,$(2)))

# $(call flavour,NAME,label,compiler,flags,include paths before ours): rules for its objects.
define flavour
$(call flags_file,$(1),$(3) $(4) $(5))
build/$(1)/lwip/%.o: $(LWIP)/%.c build/$(1)/flags | build/$(1)/tools
	@mkdir -p $$(@D)
	$$(call run,$(2),$$<)$(3) $(LWIP_WARNINGS) $(4) $$(EXTRA) $(5) $(INCLUDES) -MMD -MP -c $$< -o $$@
build/$(1)/%.o: %.c build/$(1)/flags | build/$(1)/tools $(LWIPDIR)/Filelists.mk
	@mkdir -p $$(@D)
	$$(call run,$(2),$$<)$(3) $(WARNINGS) $(4) $$(EXTRA) $(5) $(INCLUDES) -MMD -MP -c $$< -o $$@
build/$(1)/tools:
	$$(call require,$(if $(filter wasm%,$(1)),wasm,native))
	@mkdir -p $$(@D); touch $$@
DEPS += $$(wildcard build/$(1)/core/*.d build/$(1)/*/*/*.d build/$(1)/tests/c/*/*.d \
	build/$(1)/lwip/*/*/*.d build/$(1)/lwip/*/*/*/*.d)
endef
