/* SPDX-License-Identifier: MIT */
/* command.h - what threads ask of the stack (theory of operation: core/command.c) */
#ifndef RINGSTACK_COMMAND_H
#define RINGSTACK_COMMAND_H

int command_run(void);
int command_arm(void);
void command_end(void);

#endif /* RINGSTACK_COMMAND_H */
