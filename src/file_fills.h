/* Reading a file's fills back, one after the other: for sources. Only the rows of the fill in hand, and the index of the
 * unit in hand, are in memory. Test: tests/t_truth_input.c */
#ifndef GM2_FILE_FILLS_H
#define GM2_FILE_FILLS_H

#include "file.h"

struct file_fills;

/** Opens and checks a file; no table is read yet. ERR_OPEN, ERR_READ, ERR_DATA (cut, damaged, another version). */
enum err file_fills_open(const char *path, struct file_fills **out);
/** NULL is fine. */
void file_fills_close(struct file_fills *fills);
/** One more table of fills, under its own name, before any unit; *handle counts from 0. ERR_NOTFOUND if the file has none,
 *  ERR_DATA if it lacks a column or has one of another type. The path stands in the messages of all functions here. */
enum err file_fills_add(struct file_fills *fills, const struct table *table, int *handle);
/** Finds the fills of a subrun; all tables added must know the same ones. ERR_NOTFOUND, ERR_DATA. */
enum err file_fills_seek(struct file_fills *fills, uint32_t run, uint32_t subrun, size_t *n_fills);
/** Event number of fill i of the subrun. */
uint32_t file_fills_event(const struct file_fills *fills, size_t i);
/** Makes the block the rows of fill i in a table. ERR_READ, ERR_DATA (damage is noticed by checksum). */
enum err file_fills_read(struct file_fills *fills, int handle, size_t i, struct block *block);

#endif
