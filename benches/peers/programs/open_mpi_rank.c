/* One rank of MPI, taking the orders of benches/peers/src/control.rs. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static double cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static long long now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void reduce(float *values, size_t count)
{
    MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    int rank, world, length;
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    MPI_Get_library_version(version, &length);
    char *comma = strchr(version, ',');
    if (comma)
        *comma = 0;

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc < 2 || strlen(argv[1]) >= sizeof address.sun_path)
        return 2;
    strcpy(address.sun_path, argv[1]);
    int line = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(line, (struct sockaddr *)&address, sizeof address))
        return 1;
    FILE *in = fdopen(line, "r"), *out = fdopen(dup(line), "w");
    fprintf(out, "hello %d %s\n", rank, version);
    fflush(out);

    size_t bytes;
    int warmup, iterations;
    while (fscanf(in, "%*s %zu %d %d", &bytes, &warmup, &iterations) == 3) {
        size_t count = bytes / 4;
        float *values = malloc(bytes);
        long long *nanos = malloc(iterations * sizeof *nanos);
        if (!values || !nanos)
            return 1;
        for (size_t i = 0; i < count; i++)
            values[i] = rank + 1;
        reduce(values, count);
        for (size_t i = 0; i < count; i++)
            if (values[i] != world * (world + 1) / 2) {
                fprintf(stderr, "a sum is wrong\n");
                return 1;
            }
        memset(values, 0, bytes);
        for (int i = 0; i < warmup; i++)
            reduce(values, count);
        MPI_Barrier(MPI_COMM_WORLD);
        double before = cpu();
        for (int i = 0; i < iterations; i++) {
            long long begin = now();
            reduce(values, count);
            nanos[i] = now() - begin;
        }
        fprintf(out, "{\"cpu\":%f,\"nanos\":[", cpu() - before);
        for (int i = 0; i < iterations; i++)
            fprintf(out, i ? ",%lld" : "%lld", nanos[i]);
        fprintf(out, "]}\n");
        fflush(out);
        free(nanos);
        free(values);
    }
    MPI_Finalize();
    return 0;
}
