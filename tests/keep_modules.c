/* Linked into every program of a sanitizer build: Open MPI unloads its modules at the end, and the leak checker can match
 * lsan.supp only with what is still loaded. */
int dlclose(void *handle);
int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
