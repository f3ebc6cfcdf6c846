; Protection, gates, tasks, virtual-8086 mode, paging and debugging, told line by line on port E9h.
; A disk image: the first sector loads the rest to 8000h; a test may load that by itself.
        org     0x7c00
        bits    16
boot:   xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     bx, 0x8000
        mov     cx, 2
        mov     dh, 0
.next:  mov     ax, 0x0201
        int     0x13
        jc      .next
        add     bx, 512
        inc     cx
        cmp     cl, 2 + SECTORS
        jne     .next
        jmp     0:start
        times   510 - ($ - $$) db 0
        dw      0xaa55
SECTORS equ     24

        section .main start=0x7e00 vstart=0x8000
CODE0   equ     0x08
DATA0   equ     0x10
CODE3   equ     0x1b
DATA3   equ     0x23
TSSA    equ     0x28
TSSB    equ     0x30
LDTS    equ     0x38
GATE    equ     0x43            ; call gate, DPL 3, two parameters
GATE16  equ     0x4b
CONF    equ     0x50            ; conforming code
ABSENT  equ     0x58            ; data, not present
EXONLY  equ     0x60            ; code, execute only
ROEDATA equ     0x68            ; data, read only
SMALL   equ     0x70            ; data, limit FFh
DOWN    equ     0x78            ; expand-down, limit FFFh, big
STACK16 equ     0x80            ; 16-bit stack
TASKG   equ     0x8b            ; task gate to TSSB
CODE16  equ     0x90
TSSDF   equ     0x98            ; for double faults
TSS16   equ     0xa0
BADLDT  equ     0xa8
CODEABS equ     0xb0
RING1   equ     0xb9            ; code, DPL 1
DATA1   equ     0xc1
CONFCALL equ    0xcb            ; gate to conforming code
IOSTACK equ     0x6f00

start:  cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7000
        cld
        in      al, 0x92
        or      al, 2
        out     0x92, al
        mov     al, 0xff
        out     0x21, al
        out     0xa1, al
        ; real mode first
        mov     word [0x20 * 4], realint
        mov     word [0x20 * 4 + 2], 0
        pushf
        pop     ax
        or      ax, 0x200
        and     ax, 0x3fff
        push    ax
        popf
        cli
        int     0x20
        mov     word [13 * 4], realgp
        mov     word [13 * 4 + 2], 0
        mov     word [12 * 4], realgp
        mov     word [12 * 4 + 2], 0
        mov     bx, 0xffff
        mov     byte [mark], 'a'
        mov     word [back], .r1
        mov     ax, [bx]
.r1:    mov     byte [mark], 'b'
        mov     word [back], .r2
        mov     bp, 0xffff
        mov     ax, [bp]
.r2:    lgdt    [gdtr]
        lidt    [idtr]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     CODE0:pm
realint: push   ax
        mov     bp, sp
        mov     al, 'R'
        out     0xe9, al
        mov     ax, [bp + 4]
        cmp     ax, 0
        je      .ok
        mov     al, '?'
        out     0xe9, al
.ok:    mov     al, 10
        out     0xe9, al
        pop     ax
        iret
realgp: mov     al, [mark]
        out     0xe9, al
        mov     al, 10
        out     0xe9, al
        add     sp, 6
        jmp     word [back]
mark:   db      0
back:   dw      0

        bits    32
; ---- printing ----
%macro  SAY 1+
        call    say
        db      %1, 0
%endmacro
say:    xchg    esi, [esp]
        push    eax
.l:     mov     al, [cs:esi]
        inc     esi
        or      al, al
        jz      .e
        out     0xe9, al
        jmp     .l
.e:     pop     eax
        xchg    esi, [esp]
        ret
hex8:   push    ecx
        mov     ecx, 8
        jmp     hexn
hex4:   push    ecx
        mov     ecx, 4
        rol     eax, 16
hexn:   push    edx
        mov     edx, eax
.l:     rol     edx, 4
        mov     al, dl
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .o
        add     al, 39
.o:     out     0xe9, al
        loop    .l
        mov     al, ' '
        out     0xe9, al
        pop     edx
        pop     ecx
        ret
line:   mov     al, 10
        out     0xe9, al
        ret

; ---- exceptions: print vector, error code, CPL, then go on at [resume] in ring 0 ----
%assign v 0
%rep    32
vec%+v:
%if v == 8 || (v >= 10 && v <= 14) || v == 17
%else
        push    dword 0
%endif
        push    dword v
        jmp     caught
%assign v v + 1
%endrep
caught: push    eax
        push    ebx
        mov     ax, DATA0
        mov     ds, ax
        mov     es, ax
        SAY     '#'
        mov     eax, [esp + 8]
        call    hex4
        mov     eax, [esp + 12]
        call    hex4
        mov     eax, [esp + 20]
        call    hex4
        mov     eax, [esp + 16]
        sub     eax, [base]
        call    hex4
        mov     eax, [esp + 24]
        and     eax, 0x00037fd5 & ~0x8d5
        call    hex8
        cmp     dword [esp + 8], 14
        jne     .nocr2
        mov     eax, cr2
        call    hex8
.nocr2: call    line
        mov     esp, 0x7000
        mov     ax, DATA0
        mov     ss, ax
        mov     fs, ax
        mov     gs, ax
        push    dword 2
        popfd
        jmp     dword [resume]
%macro  TRY 1                   ; name; the faulting code follows, up to %%done given by DONE
        mov     dword [resume], %%done
        mov     dword [base], %%here
        SAY     %1, ': '
        jmp     %%here
%%done: jmp     tryend%+tries
%%here:
%endmacro
%macro  DONE 0
        call    flat
        SAY     'no fault', 10
tryend%+tries:
%assign tries tries + 1
%endmacro
%assign tries 0
resume: dd      0
base:   dd      0
flat:   push    eax
        mov     ax, DATA0
        mov     ds, ax
        mov     es, ax
        mov     gs, ax
        pop     eax
        ret

pm:     mov     ax, DATA0
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     fs, ax
        mov     gs, ax
        mov     esp, 0x7000
        ; interrupt gates
        mov     edi, idt
        mov     ebx, vectors
        mov     ecx, 32
.g:     mov     eax, [ebx]
        mov     [edi], ax
        mov     word [edi + 2], CODE0
        mov     word [edi + 4], 0x8e00
        shr     eax, 16
        mov     [edi + 6], ax
        add     edi, 8
        add     ebx, 4
        loop    .g
        mov     ax, TSSA
        ltr     ax
        mov     ax, LDTS
        lldt    ax

; ---- LAR, LSL, VERR, VERW ----
        SAY     'selectors', 10
        mov     ebx, 0
.sel:   mov     eax, ebx
        call    hex4
        mov     eax, 0xdeadbeef
        lar     eax, ebx
        call    hex8
        mov     eax, 0xdeadbeef
        lsl     eax, ebx
        call    hex8
        verr    bx
        sete    al
        verw    bx
        sete    ah
        call    hex4
        call    line
        add     ebx, 1
        cmp     ebx, 0xd4
        jne     .sel
        xor     eax, eax
        mov     ax, LDTS
        mov     ebx, 4
        lar     eax, ebx
        call    hex8
        call    line

; ---- loads ----
%macro  LOADSEG 3
        TRY     %1
        mov     ax, %3
        mov     %2, ax
        DONE
%endmacro
        LOADSEG 'ds null', ds, 0
        LOADSEG 'ds data', ds, DATA0
        LOADSEG 'ds beyond', ds, 0x1000
        LOADSEG 'ds absent', ds, ABSENT
        LOADSEG 'ds exonly', ds, EXONLY
        LOADSEG 'ds code', ds, CODE0
        LOADSEG 'ds tss', ds, TSSA
        LOADSEG 'ds rpl', ds, DATA0 | 3
        LOADSEG 'ds conf', ds, CONF | 3
        LOADSEG 'es ldt', es, 0x04
        LOADSEG 'es ldt beyond', es, 0x14
        LOADSEG 'ss null', ss, 0
        LOADSEG 'ss code', ss, CODE0
        LOADSEG 'ss ro', ss, ROEDATA
        LOADSEG 'ss rpl', ss, DATA0 | 1
        LOADSEG 'ss dpl', ss, DATA3
        LOADSEG 'ss absent', ss, ABSENT
        TRY     'lldt data'
        mov     ax, DATA0
        lldt    ax
        DONE
        TRY     'lldt absent'
        mov     ax, BADLDT
        lldt    ax
        DONE
        TRY     'ltr busy'
        mov     ax, TSSA
        ltr     ax
        DONE
%ifndef TCG                    ; which loads it and stops later
        TRY     'ltr null'
        xor     ax, ax
        ltr     ax
        DONE
%endif

; ---- accesses ----
        TRY     'null read'
        xor     ax, ax
        mov     gs, ax
        mov     eax, [gs:0]
        DONE
        TRY     'read only write'
        mov     ax, ROEDATA
        mov     gs, ax
        mov     [gs:0], al
        DONE
        TRY     'code write'
        mov     [cs:0], al
        DONE
        TRY     'limit last'
        mov     ax, SMALL
        mov     gs, ax
        mov     al, [gs:0xff]
        DONE
        TRY     'limit word'
        mov     ax, SMALL
        mov     gs, ax
        mov     ax, [gs:0xff]
        DONE
        TRY     'limit beyond'
        mov     ax, SMALL
        mov     gs, ax
        mov     [gs:0x100], al
        DONE
        TRY     'down low'
        mov     ax, DOWN
        mov     gs, ax
        mov     al, [gs:0xfff]
        DONE
        TRY     'down high'
        mov     ax, DOWN
        mov     gs, ax
        mov     al, [gs:0x1000]
        DONE
        TRY     'small stack'
        mov     ax, SMALL
        mov     ss, ax
        mov     esp, 0x80
        mov     al, [ss:0x100]
        DONE
        mov     ax, DATA0
        mov     ss, ax
        mov     esp, 0x7000

; ---- far transfers in ring 0 ----
%macro  FARJUMP 2
        TRY     %1
        jmp     %2:.x
.x:
        DONE
%endmacro
%assign j 0
%macro  FARTRY 3
        TRY     %1
        %3      %2:farland%+j
farland%+j:
        DONE
%assign j j + 1
        mov     esp, 0x7000
%endmacro
        FARTRY  'jmp null', 0, jmp
        FARTRY  'jmp code', CODE0, jmp
        FARTRY  'jmp data', DATA0, jmp
        FARTRY  'jmp rpl', CODE0 | 1, jmp
        FARTRY  'jmp dpl3', CODE3, jmp
        FARTRY  'jmp absent', CODEABS, jmp
        FARTRY  'jmp ldt', LDTS, jmp
        FARTRY  'jmp busy tss', TSSA, jmp
        FARTRY  'jmp conf', CONF, jmp
        FARTRY  'call conf rpl', CONF | 3, call
        jmp     CODE0:.back
.back:
        TRY     'int 40 beyond'
        int     0x40
        DONE
        TRY     'int 30 empty'
        int     0x30
        DONE
        TRY     'retf outer'
        push    dword CODE3
        push    dword ring3ud
        retf
        DONE
        TRY     'retf ring3'
        push    dword DATA3
        push    dword 0x6800
        push    dword CODE3
        push    dword ring3ud
        retf
        DONE
        TRY     'iret ss0'
        push    dword DATA0
        push    dword 0x6800
        push    dword 2
        push    dword CODE3
        push    dword ring3ud
        iret
        DONE
        TRY     'retf ring1'
        push    dword DATA1
        push    dword 0x6800
        push    dword RING1
        push    dword ring3ud
        retf
        DONE

; ---- ring 3 ----
%macro  USER 2                  ; name, label
        TRY     %1
        mov     ax, DATA3
        mov     ds, ax
        mov     es, ax
        push    dword DATA3
        push    dword 0x6800
        push    dword %3
        push    dword CODE3
        push    dword %2
        iretd
        DONE
%endmacro
%macro  RING3 3
        TRY     %1
        mov     dword [base], %2
        mov     ax, DATA3
        mov     ds, ax
        mov     es, ax
        push    dword DATA3
        push    dword 0x6800
        push    dword %3
        push    dword CODE3
        push    dword %2
        iretd
        DONE
%endmacro
        RING3   'r3 ud2', ring3ud, 2
        RING3   'r3 cli', r3cli, 2
        RING3   'r3 cli iopl3', r3cli, 0x3002
        RING3   'r3 hlt', r3hlt, 0x3002
        RING3   'r3 cr0', r3cr0, 0x3002
        RING3   'r3 in allowed', r3in, 2
        RING3   'r3 in denied', r3inno, 2
        RING3   'r3 in word', r3inw, 2
        RING3   'r3 popf', r3popf, 0x1202
        RING3   'r3 gate', r3gate, 2
        RING3   'r3 gate16', r3gate16, 2
        RING3   'r3 conf gate', r3conf, 2
        RING3   'r3 data0', r3data, 2
        RING3   'r3 int 20', r3int, 2
        RING3   'r3 int3', r3int3, 2
        RING3   'r3 tss', r3tss, 2
        RING3   'r3 nt', r3ud, 0x4002
        RING3   'r3 ac', r3ud, 0x40002
        SAY     'nulls: '
        mov     dword [base], r3ud
        mov     dword [resume], .nulls
        mov     ax, CONF
        mov     fs, ax
        mov     ax, DATA3
        mov     es, ax
        mov     ax, DATA0
        mov     gs, ax
        push    dword DATA3
        push    dword 0x6800
        push    dword 2
        push    dword CODE3
        push    dword r3segs
        mov     ebp, DATA0
        iretd
.nulls:

; ---- sysenter ----
        mov     ecx, 0x174
        xor     edx, edx
        mov     eax, CODE0
        wrmsr
        inc     ecx
        mov     eax, 0x6e00
        wrmsr
        inc     ecx
        mov     eax, fastcall
        wrmsr
        RING3   'sysenter', r3fast, 0x202

; ---- tasks ----
        TRY     'call task'
        mov     dword [tssb + 32], taskb
        mov     dword [tssb + 36], 2
        mov     dword [tssb + 56], 0x6600
        mov     ecx, 0x1234
        call    TSSB:0
        clts
        pushfd
        pop     eax
        call    hex8
        mov     eax, [tssa + 44]
        call    hex8
        movzx   eax, word [tssb]
        call    hex4
        mov     eax, [tssb + 36]
        call    hex8
        str     eax
        call    hex4
        mov     eax, [gdt + TSSA + 4]
        call    hex8
        mov     eax, [gdt + TSSB + 4]
        call    hex8
        DONE
        TRY     'task gate'
        mov     dword [tssb + 32], taskb
        call    TASKG:0
        clts
        DONE
        TRY     'task bad ds'
        mov     dword [tssb + 32], taskb
        mov     dword [tssb + 84], TSSA
        mov     dword [base], taskb
        jmp     TSSB:0
        DONE
        str     eax
        call    hex4
        call    line
        clts
        pushfd
        and     dword [esp], ~0x4000
        popfd
        mov     dword [tssb + 84], DATA0
        ; back to task A by hand
        and     byte [gdt + TSSA + 5], ~2
        mov     ax, TSSA
        ltr     ax
        and     byte [gdt + TSSB + 5], ~2
        TRY     'short tss'
        mov     word [gdt + TSSB], 0x66
        jmp     TSSB:0
        DONE
        mov     word [gdt + TSSB], 0x67
        TRY     'iret nt idle'
        mov     word [tssa], TSSB
        pushfd
        or      dword [esp], 0x4000
        popfd
        iretd
        DONE
        TRY     'iret nt bad'
        mov     word [tssa], DATA0
        pushfd
        or      dword [esp], 0x4000
        popfd
        iretd
        DONE

; ---- virtual-8086 mode ----
%macro  V86 3                   ; name, code, eflags
        TRY     %1
        mov     dword [base], %2
        push    dword 0x0000
        push    dword 0x0000
        push    dword 0x0000
        push    dword 0x0000
        push    dword 0x0000
        push    dword 0x6c00
        push    dword %3 | 0x20002
        push    dword 0x0000
        push    dword %2
        iretd
        DONE
%endmacro
        V86     'v86 ud', v86ud, 0
        V86     'v86 cli iopl0', v86cli, 0
        V86     'v86 cli iopl3', v86cli, 0x3000
        V86     'v86 pushf iopl0', v86pushf, 0
        V86     'v86 int iopl0', v86int, 0
        V86     'v86 int iopl3', v86int, 0x3000
        V86     'v86 int3 iopl0', v86int3, 0
        V86     'v86 iret', v86iret, 0x3000
        V86     'v86 iret iopl0', v86iret, 0
        V86     'v86 in', v86in, 0x3000
        V86     'v86 in denied', v86inno, 0x3000
        V86     'v86 hlt', v86hlt, 0x3000
        V86     'v86 limit', v86limit, 0
        V86     'v86 sldt', v86sldt, 0x3000
        V86     'v86 far', v86far, 0

; ---- debugging ----
        TRY     'single step'
        mov     eax, 0
        mov     dr6, eax
        pushfd
        or      dword [esp], 0x100
        popfd
        nop
        nop
        DONE
        mov     eax, dr6
        call    hex8
        call    line
        TRY     'icebp'
        db      0xf1
        DONE
        mov     eax, dr6
        call    hex8
        call    line
        xor     eax, eax
        mov     dr6, eax
        mov     eax, .bp
        mov     dr0, eax
        mov     eax, 0x402
        mov     dr7, eax
        TRY     'code breakpoint'
        nop
.bp:    nop
        DONE
        mov     eax, dr6
        call    hex8
        call    line
        xor     eax, eax
        mov     dr6, eax
        mov     eax, scratch
        mov     dr1, eax
        mov     eax, 0x00d00408
        mov     dr7, eax
        TRY     'data breakpoint'
        mov     ax, [scratch + 2]
        mov     [scratch + 4], al
        mov     [scratch + 3], al
        nop
        DONE
        mov     eax, dr6
        call    hex8
        call    line
        mov     eax, 0x400
        mov     dr7, eax
        TRY     'general detect'
        mov     eax, 0x2400
        mov     dr7, eax
        mov     eax, dr0
        DONE
        mov     eax, dr6
        call    hex8
        mov     eax, dr7
        call    hex8
        call    line
        TRY     'mov dr4 de'
        mov     eax, 8
        mov     cr4, eax
        db      0x0f, 0x21, 0xe0
        DONE
        xor     eax, eax
        mov     cr4, eax

; ---- control registers ----
%ifndef TCG                    ; which takes these values
        TRY     'cr0 pg without pe'
        mov     eax, 0x80000000
        mov     cr0, eax
        DONE
        TRY     'cr0 nw without cd'
        mov     eax, 0x20000011
        mov     cr0, eax
        DONE
        TRY     'cr4 reserved'
        mov     eax, 0x80000000
        mov     cr4, eax
        DONE
%endif
        TRY     'lmsw'
        mov     ax, 0xe
        lmsw    ax
        smsw    eax
        call    hex8
        mov     ax, 1
        lmsw    ax
        smsw    eax
        call    hex8
        DONE
        TRY     'cr1'
        db      0x0f, 0x20, 0xc8
        DONE

; ---- paging: directory at 10000h, tables at 11000h ----
        xor     eax, eax
        mov     edi, 0x10000
        mov     ecx, 0x2000 / 4
        rep     stosd
        mov     dword [0x10000], 0x11007
        mov     edi, 0x11000
        mov     eax, 7
        mov     ecx, 64
.pt:    stosd
        add     eax, 0x1000
        loop    .pt
        mov     dword [0x11000 + 0x30 * 4], 0x30005     ; read only
        mov     dword [0x11000 + 0x31 * 4], 0x31003     ; supervisor
        mov     dword [0x11000 + 0x32 * 4], 0x32001     ; supervisor, read only
        mov     dword [0x11000 + 0x33 * 4], 0           ; absent
        mov     dword [0x10000 + 4], 0x00000083         ; 4 MiB at 400000h
        mov     eax, 0x10000
        mov     cr3, eax
        mov     eax, 0x10
        mov     cr4, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        jmp     $ + 2
        TRY     'pf read absent'
        mov     al, [0x33123]
        DONE
        TRY     'pf write absent'
        mov     [0x33123], al
        DONE
        TRY     'ro write no wp'
        mov     [0x30000], al
        DONE
        mov     eax, [0x11000 + 0x30 * 4]
        call    hex8
        call    line
        mov     eax, cr0
        or      eax, 0x10000
        mov     cr0, eax
        TRY     'ro write wp'
        mov     [0x30000], al
        DONE
        TRY     'straddle'
        mov     eax, 0x12345678
        mov     [0x32ffe], eax
        DONE
        TRY     'straddle up'
        mov     [0x2fffe], eax
        DONE
        mov     ax, [0x2fffe]
        call    hex4
        call    line
        TRY     '4m page'
        mov     eax, [0x408000]
        sub     eax, [0x8000]
        call    hex8
        mov     eax, [0x10004]
        call    hex8
        DONE
        TRY     '4m absent'
        mov     eax, [0x800000]
        DONE
        RING3   'r3 super read', r3super, 2
        RING3   'r3 ro write', r3ro, 2
        RING3   'r3 absent write', r3absent, 2
        RING3   'r3 super write', r3superw, 2
        mov     eax, [0x11000 + 0x31 * 4]
        call    hex8
        mov     eax, [0x11000 + 0x32 * 4]
        call    hex8
        mov     eax, [0x10000]
        call    hex8
        call    line

; ---- double fault through a task gate ----
        mov     dword [idt + 8 * 8], TSSDF << 16
        mov     dword [idt + 8 * 8 + 4], 0x8500
        mov     eax, cr3
        mov     [tssdf + 28], eax
        SAY     'double fault: '
        mov     word [idt + 13 * 8 + 4], 0
        xor     ax, ax
        mov     gs, ax
        mov     al, [gs:0]
        nop
doublef: pop    eax
        call    hex8
        str     eax
        call    hex4
        movzx   eax, word [tssdf]
        call    hex4
        mov     eax, [tssa + 76]
        call    hex4
        SAY     10, 'end', 10
        mov     al, 0
        out     0xf4, al
.h:     cli
        hlt
        jmp     .h

; ---- ring 3 code ----
ring3ud: ud2
r3ud:   ud2
r3cli:  cli
        ud2
r3hlt:  hlt
r3cr0:  mov     eax, cr0
r3in:   in      al, 0x80
        ud2
r3inno: in      al, 0x71
        ud2
r3inw:  in      ax, 0x70
        ud2
r3popf: push    dword 0x3002
        popfd
        ud2
r3gate: push    dword 0x1111
        push    dword 0x2222
        call    GATE:0
        push    eax
        ud2
r3gate16: push  word 0x3333
        call    GATE16:0
        ud2
r3conf: call    CONFCALL:0
        ud2
r3data: mov     ax, DATA0
        mov     ds, ax
        ud2
r3int:  int     0x20
        ud2
r3int3: int3
        ud2
r3tss:  call    TSSB:0
        ud2
r3segs: mov     ax, es
        call    r3hex
        mov     ax, fs
        call    r3hex
        mov     ax, gs
        call    r3hex
        ud2
r3hex:  movzx   eax, ax
        ror     eax, 0
        mov     edx, 0x80
        out     dx, al
        mov     ah, al
        mov     al, ah
        mov     dl, 0xe9
        mov     ah, al
        shr     al, 4
        call    .d
        mov     al, ah
        and     al, 15
.d:     add     al, '0'
        cmp     al, '9'
        jbe     .o
        add     al, 39
.o:     out     0xe9, al
        ret
r3fast: mov     ecx, 0x6700
        mov     edx, .ret
        sysenter
.ret:   mov     ax, cs
        call    r3hex
        mov     ax, ss
        call    r3hex
        ud2
fastcall: mov   eax, DATA0
        mov     ds, eax
        mov     eax, cs
        call    hex4
        mov     eax, ss
        call    hex4
        mov     eax, esp
        call    hex8
        pushfd
        pop     eax
        call    hex8
        mov     edx, r3fast.ret
        mov     ecx, 0x6700
        mov     eax, DATA3
        mov     ds, eax
        sysexit
r3super: mov    al, [0x31000]
r3ro:   mov     [0x30000], al
r3absent: mov   [0x33000], al
r3superw: mov   [0x31ffc], eax

; ---- what gates lead to ----
gated:  mov     eax, [esp + 8]
        call    hex8
        mov     eax, [esp + 12]
        call    hex8
        mov     eax, [esp + 4]
        call    hex4
        mov     eax, [esp + 16]
        call    hex8
        mov     eax, [esp + 20]
        call    hex4
        mov     eax, esp
        call    hex8
        mov     eax, cs
        call    hex4
        retf    8
gated16: mov    ax, [esp + 4]
        call    hex4
        mov     ax, [esp + 2]
        call    hex4
        mov     eax, esp
        call    hex8
        o16 retf 2
conform: mov    ax, cs
        call    r3hex
        retf
taskb:  mov     eax, ecx
        call    hex8
        str     eax
        call    hex4
        mov     eax, cr0
        and     eax, 8
        call    hex4
        pushfd
        pop     eax
        call    hex8
        mov     cx, 0x55
        iretd
        SAY     'again', 10
        jmp     taskb

; ---- virtual-8086 code ----
        bits    16
v86ud:  ud2
v86cli: cli
        ud2
v86pushf: pushf
        ud2
v86int: int     0x20
        ud2
v86int3: int3
        ud2
v86iret: push   word 0x7246
        push    word 0
        push    word .to
        iret
.to:    ud2
v86in:  in      al, 0x80
        ud2
v86inno: in     al, 0x71
        ud2
v86hlt: hlt
v86limit: mov   bx, 0xffff
        mov     ax, [bx]
        ud2
v86sldt: sldt   ax
v86far: mov     ax, 0x100
        mov     ds, ax
        jmp     0x100:(.to - 0x1000)
.to:    mov     ax, [0x7000]
        ud2
        bits    32

; ---- tables ----
        align   8
vectors:
%assign v 0
%rep    32
        dd      vec%+v
%assign v v + 1
%endrep
        align   8
gdt:    dq      0
        dq      0x00cf9a000000ffff      ; 08
        dq      0x00cf92000000ffff      ; 10
        dq      0x00cffa000000ffff      ; 18
        dq      0x00cff2000000ffff      ; 20
        dw      0x67 + 0x20 + 1, tssa, 0x8900, 0        ; 28: map for ports 0 to FFh
        dw      0x67, tssb, 0x8900, 0   ; 30
        dw      0x0f, ldt, 0x8200, 0    ; 38
        dw      gated, CODE0, 0xec02, 0 ; 40
        dw      gated16, CODE0, 0xe401, 0       ; 48
        dq      0x00cf9e000000ffff      ; 50
        dq      0x00cf12000000ffff      ; 58
        dq      0x00cf98000000ffff      ; 60
        dq      0x00cf90000000ffff      ; 68
        dq      0x00409200000000ff      ; 70
        dq      0x0040960000000fff      ; 78
        dq      0x000092000000ffff      ; 80
        dw      0, TSSB, 0xe500, 0      ; 88
        dq      0x00009a000000ffff      ; 90
        dw      0x67, tssdf, 0x8900, 0  ; 98
        dw      0x2b, tss16, 0x8100, 0  ; a0
        dw      0x0f, ldt, 0x0200, 0    ; a8
        dq      0x00cf1a000000ffff      ; b0
        dq      0x00cfba000000ffff      ; b8
        dq      0x00cfb2000000ffff      ; c0
        dw      conform, CONF, 0xec00, 0        ; c8
        dq      0x0000870000000000      ; d0: a trap gate where none belongs
gdtend:
ldt:    dq      0x00cf92000000ffff
        dq      0x00cff2000000ffff
gdtr:   dw      gdtend - gdt - 1
        dd      gdt
idtr:   dw      0x40 * 8 - 1
        dd      idt
        align   16
tssa:   dd      0, 0x6400, DATA0, 0x6200, DATA1, 0, 0
        times   0x66 - ($ - tssa) db 0
        dw      0x68
        times   0x70 >> 3 db 0
        db      0x03                    ; ports 70h, 71h denied
        times   0x20 - (0x70 >> 3) - 1 db 0
        db      0xff
        align   16
tssb:   times   40 db 0
        dd      0, 0, 0, 0, 0x6600, 0, 0, 0
        dd      DATA0, CODE0, DATA0, DATA0, 0, 0, 0
        dd      0x00680000
        align   16
tssdf:  times   32 db 0
        dd      doublef, 2
        dd      0, 0, 0, 0, 0x6500, 0, 0, 0
        dd      DATA0, CODE0, DATA0, DATA0, 0, 0, 0
        dd      0x00680000
tss16:  times   0x2c db 0
scratch: times  16 db 0
        times   SECTORS * 512 - ($ - $$) db 0
idt     equ     0x4000
