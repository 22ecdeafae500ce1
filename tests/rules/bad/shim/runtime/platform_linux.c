/* platform_linux.c - and so may the platform. */
void *
orr_allocate(unsigned long bytes)
{
    return calloc(1, bytes);
}
