/*
 * Neighbour: the MAC of a machine on the same network, from the kernel's table.
 */
#ifndef SERVER_BOOT_NEIGHBOUR_H
#define SERVER_BOOT_NEIGHBOUR_H

#include <stdint.h>

#define NEIGHBOUR_TABLE "/proc/self/net/arp"

/* address as struct peer has it; IPv4 only. -ENOENT: not known there; another -errno with its
 * sentence: the table can't be read. */
int neighbour_mac(const char *table, const uint8_t address[16], char out[18]);

#endif
