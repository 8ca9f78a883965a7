/* SPDX-License-Identifier: MIT */
/* config.h - lwIP's unit tests include one; there is nothing to say in it */
