# SPDX-License-Identifier: Apache-2.0
# Draws what `opendext-bench memory` measured, which runs it: gnuplot -c throughput.gp memory.dat throughput.svg
data = ARG1
set terminal svg size 1080,900 font "sans-serif,13" background "#ffffff" dynamic
set output ARG2

set logscale xy
set logscale x 2
set xrange [3:1.6e9]
set xtics ("4 B" 4, "64 B" 64, "1 KiB" 2**10, "16 KiB" 2**14, "256 KiB" 2**18, "4 MiB" 2**22, \
           "64 MiB" 2**26, "1 GiB" 2**30)
set format y "10^{%T}"
set grid xtics ytics lc rgb "#d8d8d8" lw 0.6
set border lc rgb "#606060"
set tics textcolor rgb "#202020"

# OpenDext in full lines of strong colours with points, what it is compared with in broken lines.
set style line 1 lc rgb "#0072b2" lw 2.5 pt 7 ps 0.55
set style line 2 lc rgb "#e69f00" lw 2 pt 7 ps 0.6
set style line 3 lc rgb "#d55e00" lw 2.5 pt 5 ps 0.55
set style line 4 lc rgb "#cc79a7" lw 2 pt 13 ps 0.6
set style line 5 lc rgb "#009e73" lw 2 pt 9 ps 0.6
set style line 6 lc rgb "#56b4e9" lw 2 pt 11 ps 0.6
set style line 7 lc rgb "#000000" lw 1.8 dt 2
set style line 8 lc rgb "#707070" lw 1.8 dt 3
set style line 9 lc rgb "#8c6d1f" lw 1.8 dt 4
set style line 10 lc rgb "#b22222" lw 1.8 dt 5

ways = "in in_read out out_filled client_snapshot client_shared memcpy memcpy_rotating process_vm_readv fuse_write"
titles = "'in, ends read' 'in, all read' 'out, ends written' 'out, all written' 'client memory, snapshot' 'client memory, shared' \
          'memcpy' 'memcpy, rotating' 'process\\_vm\\_readv' 'FUSE write'"
blocks = system("sed -n 's/^# //p' " . data)
ours = ""
others = ""
do for [i = 1:words(ways)] {
    if (strstrt(blocks, word(ways, i) . "_oneshot") > 0) {
        if (i <= 6) { ours = ours . " " . i } else { others = others . " " . i }
    }
}

set multiplot layout 2,2 margins 0.075,0.985,0.16,0.96 spacing 0.085,0.1
unset key
do for [quantity = 1:2] {
    set ylabel quantity == 1 ? "GB/s" : "time per call, µs"
    set yrange [*:*]
    do for [use in "oneshot reused"] {
        set title use eq "oneshot" ? "One-shot: each buffer fresh and just filled" \
                                   : "Reused: the same buffer again"
        if (quantity == 2 && use eq "reused") {
            set key at screen 0.93,0.1 right top vertical maxrows 3 samplen 3 width 2 reverse Left
        }
        plot for [i in ours] data index word(ways, int(i)) . "_" . use \
                 using 1:(quantity == 1 ? $2 : $3) with linespoints ls int(i) title word(titles, int(i)), \
             for [i in others] data index word(ways, int(i)) . "_" . use \
                 using 1:(quantity == 1 ? $2 : $3) with lines ls int(i) title word(titles, int(i))
    }
}
unset multiplot
