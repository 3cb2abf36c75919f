/*
 * Hex: calls and replies as text: "call" and "reply" open a message, hex digits and "quoted text"
 * are its bytes, # begins a comment. "reply none": no answer may come.
 */
#ifndef TESTS_WIRE_HEX_H
#define TESTS_WIRE_HEX_H

#include <stdint.h>

#define HEX_MAX 4096

struct hex_message {
	_Alignas(8) uint8_t bytes[HEX_MAX];
	uint32_t n;
	int line;
};

struct hex_file {
	char *text, *at;
	int line;
};

int hex_open(const char *path, struct hex_file *out); /* -errno */
void hex_close(struct hex_file *);
/* 1: a call and its reply (reply->n 0: none); 0: the end; -EINVAL: at file->line. */
int hex_next(struct hex_file *, struct hex_message *call, struct hex_message *reply);

#endif
