/*
 * Neighbour: the MAC of a machine on the same network, from the kernel's table.
 */
#ifndef SERVER_BOOT_NEIGHBOUR_H
#define SERVER_BOOT_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#define NEIGHBOUR_TABLE "/proc/self/net/arp"

/* address as struct peer has it; IPv4 only. -ENOENT: not known there; another -errno with its
 * sentence: the table can't be read. */
int neighbour_mac(const char *table, const uint8_t address[16], char out[18]);

/* Is it (of IPv4) one of this machine's own addresses? From outside, the kernel takes no packet
 * that says so. */
bool neighbour_is_self(const uint8_t address[16]);

#endif
