; Hot loops, and what may happen to code, stack, data and translations while they run: in an endless
; row, chosen by a generator that begins at `seed`. What comes out is told on port E0h. Loaded at
; 10000h, in 32-bit protected mode; the entry is the dword at 1001Ch, `seed` the one at 10020h.
bits 32
org 0x10000
%macro LOG 1
  push eax
  mov eax, %1
  call log
  pop eax
%endmacro
hdr:
  dd 0x1BADB002, 0x10000, -(0x1BADB002+0x10000), hdr, 0x10000, 0, 0, start
PD equ 0x50000
PT0 equ 0x51000
PT1 equ 0x52000
PD2 equ 0x53000
PT1B equ 0x54000
P0 equ 0x60000
P1 equ 0x61000
P2 equ 0x62000
P3 equ 0x63000
L0 equ 0x400000
DATA equ 0x40000
align 4
seed: dd 1
fixer: dd 0
count: dd 0
faults: dd 0
result: dd 0
iters: dd 0
irqs: dd 0
steps: dd 0
espsave: dd 0
gdt:
  dq 0
  dw 0xffff,0,0x9b00,0x00cf     ; 08 code
  dw 0xffff,0,0x9300,0x00cf     ; 10 data
  dw 0xffff,0,0xfb00,0x00cf     ; 18 user code
  dw 0xffff,0,0xf300,0x00cf     ; 20 user data
  dw 0xffff,0,0x9b00,0x0000     ; 28 16-bit code, base set below
  dw 0xffff,0x0800,0x9b00,0x00cf ; 30 code32 base 0x800
  dw 0xffff,0x1000,0x9300,0x00cf ; 38 data base 0x1000
  dw 0xffff,0x2003,0x9300,0x00cf ; 40 data base 0x2003
  dw 0x00ff,0,0x9304,0x0040      ; 48 data base 0x40000 limit ff
  dw 0x67,0,0x8900,0             ; 50 TSS A
  dw 0x67,0,0x8900,0             ; 58 TSS B
  dw 0xffff,0x1000,0x9b00,0x00cf ; 60 code32 base 0x1000
  dw 0xffff,0,0x9304,0x0000      ; 68 16-bit stack base 0x40000
gdtend:
gdtr: dw gdtend-gdt-1
  dd gdt
idtr: dw 0x30*8-1
  dd idt
align 8
idt: times 0x30*8 db 0
tssa: times 0x68 db 0
tssb: times 0x68 db 0
log:
  push edx
  mov edx, 0xe0
  out dx, eax
  pop edx
  ret
rand: ; eax = random
  imul eax, [seed], 1664525
  add eax, 1013904223
  mov [seed], eax
  shr eax, 8
  ret
; eax < ecx
below:
  push edx
  call rand
  xor edx, edx
  div ecx
  mov eax, edx
  pop edx
  ret
%assign v 0
%rep 32
vec%+v:
%if v=8 || (v>=10 && v<=14) || v=17
%else
  push dword 0
%endif
  push dword v
  jmp trapped
%assign v v+1
%endrep
vec32:
  push dword 0
  push dword 32
  jmp trapped
vec33: ; int 0x21: leave ring 3
  mov esp, [espsave]
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  ret
trapped: ; stack: vec err eip cs fl
  pushad
  push ds
  push es
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ebp, esp ; es ds edi esi ebp esp ebx edx ecx eax vec err eip cs fl
  mov eax, [ebp+40]
  cmp eax, 32
  jne .n
  inc dword [irqs]
  jmp .out
.n:
  cmp eax, 2
  je .out
  cmp eax, 1
  jne .notdb
  inc dword [steps]
  mov eax, dr6
  and eax, 0x400f
  add [result], eax
  mov eax, [ebp+48]
  rol dword [result], 1
  xor [result], eax
  xor eax, eax
  mov dr6, eax
  jmp .fix
.notdb:
  inc dword [faults]
  LOG eax
  LOG [ebp+44]
  LOG [ebp+48]
  LOG [ebp+56]
  LOG [ebp+36]
  LOG [ebp+32]
  cmp eax, 14
  jne .fix
  mov eax, cr2
  LOG eax
.fix:
  mov eax, [fixer]
  test eax, eax
  jz .dead
  call eax
.out:
  pop es
  pop ds
  popad
  add esp, 8
  iretd
.dead:
  LOG 0xdead
  hlt
  jmp .dead
gate: ; eax vector, ebx handler, ecx type
  mov [idt+eax*8], bx
  mov word [idt+eax*8+2], 8
  mov byte [idt+eax*8+4], 0
  mov [idt+eax*8+5], cl
  shr ebx, 16
  mov [idt+eax*8+6], bx
  ret
start:
  cli
  mov esp, 0x7f000
  lgdt [gdtr]
  jmp 8:.f
.f:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
%assign v 0
%rep 33
  mov eax, v
  mov ebx, vec%+v
  mov ecx, 0x8e
  call gate
%assign v v+1
%endrep
  mov eax, 0x21
  mov ebx, vec33
  mov ecx, 0xee
  call gate
  lidt [idtr]
  ; TSSes
  mov eax, tssa
  mov ebx, gdt+0x50
  call tssd
  mov eax, tssb
  mov ebx, gdt+0x58
  call tssd
  mov dword [tssa+4], 0x7e000
  mov dword [tssa+8], 0x10
  mov dword [tssa+0x1c], PD
  xor eax, eax
  mov edi, DATA
  mov ecx, 0x10000/4
  rep stosd
  mov edi, 0x60000
  mov ecx, 0x1f000/4-0x1000
  rep stosd
  mov edi, 0x20000
  mov ecx, 0x10000/4
  rep stosd
  mov edi, 0x8000
  mov ecx, 0x1000/4
  rep stosd
  mov word [tssa+0x66], 0x68
  mov ax, 0x50
  ltr ax
  ; 16-bit code base = here16
  mov eax, here16
  mov [gdt+0x28+2], ax
  shr eax, 16
  mov [gdt+0x28+4], al
  ; paging
  mov edi, PD
  xor eax, eax
  mov ecx, 0x5000/4
  rep stosd
  mov dword [PD], PT0+7
  mov dword [PD+4], PT1+7
  mov dword [PD+8], 0x87 ; 4M page, identity alias at 8M
  mov dword [PD2], PT0+7
  mov dword [PD2+4], PT1B+7
  mov dword [PD2+8], 0x87
  mov eax, 7
  mov edi, PT0
  mov ecx, 256
.pt: stosd
  add eax, 0x1000
  loop .pt
  mov eax, P0+7
  mov edi, PT1
  mov ecx, 8
.p1: stosd
  add eax, 0x1000
  loop .p1
  mov eax, P3+7
  mov edi, PT1B
  mov ecx, 8
.p2: stosd
  add eax, 0x1000
  loop .p2
  mov eax, PD
  mov cr3, eax
  mov eax, cr4
  or eax, 0x290  ; PSE PGE OSFXSR
  mov cr4, eax
  mov eax, cr0
  or eax, 0x80010000+0x20
  and eax, ~0x0c
  mov cr0, eax
  fninit
  sti
main:
  mov ecx, (table.end-table)/4
  call below
  mov ebx, eax
  LOG ebx
  mov ecx, 8
  call below
  mov ecx, 20
  cmp eax, 3
  jb .few
  mov ecx, 4000
.few:
  call below
  inc eax
  mov [iters], eax
  LOG eax
  mov dword [fixer], 0
  mov dword [result], 0
  mov dword [steps], 0
  mov [espsave], esp
  call [table+ebx*4]
  LOG eax
  LOG [result]
  LOG [steps]
  jmp main
tssd:
  mov [ebx+2], ax
  shr eax, 16
  mov [ebx+4], al
  mov [ebx+7], ah
  ret
align 4
table: dd t_straddle, t_alias, t_remap, t_wp, t_csbase, t_ssbase, t_dsbase, t_fault, t_tf, t_dr, t_far16, t_task, t_rep, t_smc, t_stackcode, t_cr3, t_abits, t_user, t_alu16, t_x87, t_limit, t_straddle2, t_big, t_ac, t_v86, t_cross, t_global, t_csbase2
.end:
; copy: esi from, edi to, ecx bytes
%macro COPY 3
  mov esi, %1
  mov edi, %2
  mov ecx, %3
  rep movsb
%endmacro
%macro FLUSH 1
  push eax
  call rand
  test al, 1
  jz %%c
  invlpg [%1]
  jmp %%d
%%c: mov eax, cr3
  mov cr3, eax
%%d: pop eax
%endmacro
; ---- an instruction in two pages
t_straddle:
  mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  mov eax, cr3
  mov cr3, eax
  mov byte [P0+0xffd], 0x05 ; add eax, imm32
  mov word [P0+0xffe], 0x0001
  mov word [P1], 0x0000
  mov byte [P1+2], 0xc3
  mov word [P2], 0x0010
  mov byte [P2+2], 0xc3
  mov word [P3], 0x0200
  mov byte [P3+2], 0xc3
  xor eax, eax
  mov ecx, [iters]
.l: mov ebx, L0+0xffd
  call ebx
  loop .l
  LOG eax
  mov dword [PT1+4], P2+7
  invlpg [L0+0x1000]
  call ebx
  LOG eax
  mov ecx, [iters]
.l1: call ebx
  loop .l1
  mov dword [PT1+4], P3+7
  mov edx, cr3
  mov cr3, edx
  call ebx
  LOG eax
  mov dword [PT1+4], 0
  invlpg [L0+0x1000]
  mov dword [fixer], .fix
  call ebx
  ret
.fix: mov dword [PT1+4], P1+7
  ret
; same, straight into it from a hot block of the page
t_straddle2:
  mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  mov eax, cr3
  mov cr3, eax
  mov edi, P0+0xf00
  mov al, 0x90
  mov ecx, 0x100
  rep stosb
  mov byte [P0+0xff8], 0x42
  mov byte [P0+0xff9], 0x42
  mov byte [P0+0xffa], 0xeb ; jmp +0
  mov byte [P0+0xffb], 0x00
  mov byte [P0+0xffc], 0x42
  mov byte [P0+0xffd], 0x05
  mov word [P0+0xffe], 0x0001
  mov word [P1], 0x0000
  mov byte [P1+2], 0x49 ; dec ecx
  mov word [P1+3], 0x0175 ; jnz +1
  mov byte [P1+5], 0xc3 ; ret
  mov byte [P1+6], 0xe9
  mov dword [P1+7], -(0x1000+11-0xff8)
  COPY P1, P2, 32
  mov word [P2], 0x0010
  xor eax, eax
  xor edx, edx
  mov ecx, [iters]
  mov ebx, L0+0xff8
  call ebx
  LOG eax
  LOG edx
  mov dword [PT1+4], P2+7
  FLUSH L0+0x1000
  mov ecx, [iters]
  call ebx
  LOG eax
  mov byte [P2+0], 0x20
  mov ecx, 5
  call ebx
  ret
; ---- the page is written through other linear addresses
f_add: ; ecx times
  add eax, 1
  add edx, eax
  dec ecx
  jnz f_add
  ret
f_add_end:
t_alias:
  mov dword [PT1], P0+7
  FLUSH L0
  COPY f_add, P0, f_add_end-f_add
  xor eax, eax
  xor edx, edx
  mov ecx, [iters]
  mov ebx, L0
  call ebx
  LOG edx
  mov byte [P0+2], 3
  mov ecx, [iters]
  call ebx
  LOG edx
  mov byte [0x800000+P0+2], 5
  mov ecx, [iters]
  call ebx
  LOG edx
  mov ecx, [iters]
  mov ebx, P0
  call ebx
  LOG edx
  mov byte [L0+2], 7
  mov ecx, [iters]
  mov ebx, 0x800000+P0
  call ebx
  LOG edx
  mov byte [L0+2], 8
  mov ecx, [iters]
  call ebx
  mov eax, edx
  ret
t_remap:
  mov dword [PT1], P0+7
  FLUSH L0
  COPY f_add, P0, f_add_end-f_add
  COPY f_add, P1, f_add_end-f_add
  mov byte [P1+2], 9
  xor eax, eax
  xor edx, edx
  mov ebx, L0
  mov esi, 6
.l: mov ecx, [iters]
  call ebx
  LOG edx
  xor dword [PT1], P0^P1
  FLUSH L0
  dec esi
  jnz .l
  mov eax, edx
  ret
; ---- write protection in a hot loop
t_wp:
  mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  mov dword [fixer], .fix
  FLUSH L0
  mov ecx, [iters]
  mov ebx, L0+0xff0
  xor eax, eax
.l: add [ebx], eax
  inc eax
  mov [ebx+14], eax
  mov edx, ecx
  and edx, 255
  jnz .s
  and dword [PT1+4], ~2
  invlpg [L0+0x1000]
.s: mov edx, ecx
  and edx, 127
  cmp edx, 5
  jne .s2
  and dword [PT1], ~3
  invlpg [L0]
.s2: dec ecx
  jnz .l
  mov eax, [P0+0xff0]
  ret
.fix: mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  ret
; ---- code segment whose base is no page's
f_cs: ; loop that crosses the linear page, not the page of EIP
  add eax, 1
  dec ecx
  jz .out
  jmp .far
.out: retf
  times 0x7f0-($-f_cs) nop
.far: add edx, 3
  jmp .more
  times 0x810-($-f_cs) nop
.more: add edx, 5
  call .fn
  jmp f_cs
.fn: inc edx
  ret
f_cs_end:
t_csbase:
  ; EIP page: linear = eip + 0x800; EIP L0+0x10 is linear L0+0x810; EIP L0+0x7f0+10.. is linear L0+0x1000
  mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  FLUSH L0
  FLUSH L0+0x1000
  mov esi, f_cs
  mov edi, L0+0x800+0x10
  mov ecx, f_cs_end-f_cs
  rep movsb
  COPY P1, P2, 4096
  mov edi, P2+(0x810+0x10-0x800)
  mov byte [edi+2], 11
  xor eax, eax
  xor edx, edx
  mov esi, 4
.l: mov ecx, [iters]
  push cs
  push .back
  jmp 0x30:L0+0x10
  ; retf pops eip cs
.back:
  LOG edx
  xor dword [PT1+4], P1^P2
  FLUSH L0+0x1000
  dec esi
  jnz .l
  mov ecx, [iters]
  push cs
  push .back2
  jmp 0x30:L0+0x10
.back2: LOG edx
  inc byte [P1+(0x810+0x10-0x800)+2]
  inc byte [P2+(0x810+0x10-0x800)+2]
  mov ecx, [iters]
  push cs
  push .back3
  jmp 0x30:L0+0x10
.back3: mov eax, edx
  ret
t_ssbase:
  cli
  mov ebp, esp
  mov ecx, [iters]
  xor eax, eax
.o: mov bx, 0x38
  test ecx, 64
  jz .s
  mov bx, 0x10
.s: mov ss, bx
  mov esp, DATA+0x800
  mov edx, 20
.l: push ecx
  push eax
  call .f
  pop ebx
  pop edi
  add eax, ebx
  add eax, edi
  dec edx
  jnz .l
  dec ecx
  jnz .o
  mov bx, 0x10
  mov ss, bx
  mov esp, ebp
  sti
  LOG [DATA+0x17f0]
  ret
.f: mov edi, [esp+4]
  add eax, edi
  ret
t_dsbase:
  mov ecx, [iters]
  xor eax, eax
.o: mov bx, 0x38
  test ecx, 32
  jz .s
  mov bx, 0x40
  test ecx, 64
  jz .s
  mov bx, 0x10
.s: mov ds, bx
  mov ebx, DATA
  mov edx, 30
.l: mov edi, [ebx]
  add eax, edi
  add [ebx+4], eax
  mov [ebx+8], al
  movzx edi, byte [ebx+9]
  lea eax, [eax+edi*4]
  add ebx, 12
  dec edx
  jnz .l
  dec ecx
  jnz .o
  mov bx, 0x10
  mov ds, bx
  ret
; ---- faults in the middle
t_fault:
  mov dword [fixer], .fix
  mov ecx, [iters]
  mov dword [PT1], P0+7
  mov dword [PT1+8], 0
  FLUSH L0+0x2000
  mov ebx, L0
  xor eax, eax
  mov esi, 0
.l: mov edi, ecx
  and edi, 0x1ff
  inc esi
  add eax, esi
  stc
  cmp edi, 3
  je .de
  cmp edi, 4
  je .pf
  cmp edi, 5
  je .pfw
  cmp edi, 6
  je .gp
  cmp edi, 7
  je .ud
  cmp edi, 8
  je .nm
  cmp edi, 9
  je .bound
  cmp edi, 10
  je .xchg
.b: dec ecx
  jnz .l
  mov eax, [result]
  ret
.de: push edx
  push eax
  xor edx, edx
  xor edi, edi
  div edi
.de1: pop eax
  pop edx
  jmp .b
.pf: add eax, [L0+0x2ffe]
.pf1: jmp .b
.pfw: adc [L0+0x1ffe], eax
.pf2: jmp .b
.gp: mov dr4, eax
.gp1: jmp .b
.ud: ud2
.ud1: jmp .b
.nm: mov edi, cr0
  or edi, 8
  mov cr0, edi
  fld1
  fstp st0
  jmp .b
.bound: mov edi, 0x7fffffff
  add edi, 1
  into
  jmp .b
.xchg: push dword [L0+0x2004]
  pop edi
  jmp .b
.fix:
  mov eax, [ebp+40]
  cmp eax, 14
  je .fpf
  cmp eax, 7
  je .fnm
  mov edi, [ebp+48]
  cmp eax, 4
  je .ret
  add edi, 2
  cmp eax, 6
  je .set
  cmp eax, 0
  je .set
  inc edi
.set: mov [ebp+48], edi
  mov edi, [ebp+48]
  ret
.ret: ret
.fnm: clts
  ret
.fpf: mov dword [PT1+8], P2+7
  mov dword [PT1+4], P1+7
  inc dword [result]
  test dword [result], 1
  jz .ret
  ret
; ---- single steps
t_tf:
  mov dword [fixer], .fix
  mov ecx, [iters]
  xor eax, eax
  xor ebx, ebx
.l: inc eax
  lea ebx, [ebx+eax*2]
  mov edx, ecx
  and edx, 0x7f
  cmp edx, 9
  jne .n
  pushfd
  or dword [esp], 0x100
  popfd
.n: add ebx, 3
  push ebx
  pop edx
  dec ecx
  jnz .l
  mov eax, ebx
  ret
.fix: mov eax, [steps]
  and eax, 15
  cmp eax, 11
  jne .r
  and dword [ebp+56], ~0x100
.r: ret
; ---- debug registers onto hot code
t_dr:
  mov dword [fixer], .fix
  mov edi, 4
  xor eax, eax
.o: mov ecx, [iters]
  mov ebx, .x
  test edi, 1
  jz .e
  mov ebx, DATA+0x104
.e: mov dr0, ebx
  mov ebx, 0
  cmp edi, 2
  ja .set
  mov ebx, 1
  test edi, 1
  jz .set
  mov ebx, 0xd0001 
.set: mov dr7, ebx
  cmp ecx, 300
  jb .l
  mov ecx, 300
.l: add eax, ecx
.x: add [DATA+0x100], eax
  test ecx, 15
  jnz .y
  mov [DATA+0x107], eax
  mov edx, [DATA+0x104]
  add eax, edx
.y: dec ecx
  jnz .l
  xor ebx, ebx
  mov dr7, ebx
  dec edi
  jnz .o
  ret
.fix: mov eax, [ebp+48]
  cmp eax, .x
  jne .r
  or dword [ebp+56], 0x10000
.r: ret
; ---- 16-bit code beside it
t_far16:
  mov ecx, [iters]
  xor eax, eax
.l: add eax, ecx
  test ecx, 3
  jnz .n
  call 0x28:(f16-here16)
.n: dec ecx
  jnz .l
  ret
t_task:
  mov edi, tssb
  push edi
  xor eax, eax
  mov ecx, 0x68/4
  rep stosd
  pop edi
  mov eax, cr3
  mov [edi+0x1c], eax
  mov dword [edi+0x20], .task
  mov dword [edi+0x24], 2
  mov dword [edi+0x38], 0x7d000
  mov dword [edi+0x4c], 8
  mov dword [edi+0x48], 0x10
  mov dword [edi+0x50], 0x10
  mov dword [edi+0x54], 0x10
  mov dword [edi+0x58], 0x10
  mov dword [edi+0x5c], 0x10
  mov word [edi+0x66], 0x68
  mov byte [gdt+0x58+5], 0x89
  mov ecx, [iters]
  xor edx, edx
.l: add edx, ecx
  lea edx, [edx+edx*2]
  test ecx, 31
  jnz .n
  call 0x58:0
.n: dec ecx
  jnz .l
  clts
  mov eax, edx
  ret
.task: mov ecx, 37
.t: add eax, ecx
  loop .t
  mov [result], eax
  iretd
  jmp .task
; ---- REP that writes code which runs
t_rep:
  mov dword [PT1], P0+7
  FLUSH L0
  COPY .fn, P0, .fnend-.fn
  xor eax, eax
  xor edx, edx
  mov ebx, P0
  mov ebp, 40
.o: mov ecx, [iters]
  and ecx, 255
  inc ecx
  call ebx
  dec ebp
  jnz .o
  mov eax, edx
  ret
.fn: add edx, 1
  add eax, edx
  dec ecx
  jnz .fn
  ; writes over its beginning and its own tail
  mov edi, ebx
  add edi, 2
  mov al, dl
  and al, 0x3f
  mov ecx, 1
  rep stosb
  lea esi, [ebx+.tail-.fn]
  mov edi, esi
  mov ecx, .fnend-.tail
  rep movsb
.tail: add edx, 0x100
  lea esi, [ebx+.imm-.fn]
  inc byte [esi+2]
.imm: add edx, 0x1
  ret
.fnend:
; ---- stores into the block that runs
t_smc:
  COPY .fn, P1, .fnend-.fn
  mov ecx, [iters]
  mov ebx, P1
  xor eax, eax
  xor edx, edx
  call ebx
  ret
.fn:
  mov esi, ecx
  and esi, 0x3ff
  cmp esi, 0x11
  jne .a
  inc byte [ebx+.i1-.fn+2]
.i1: add eax, 1
.a: cmp esi, 0x20
  jne .b
  add byte [ebx+.i0-.fn+2], 3
.b: add eax, edx
.i0: add edx, 1
  cmp esi, 0x33
  jne .c
  inc byte [ebx+2+.i2-.fn]
  jmp .i2
.i2: add edx, 9
.c: dec ecx
  jnz .fn
  ret
.fnend:
; ---- the stack lies in the page of the code
t_stackcode:
  cli
  COPY .fn, P2, .fnend-.fn
  mov ebp, esp
  mov esp, P2+0x800
  mov ecx, [iters]
  mov ebx, P2
  xor eax, eax
  call ebx
  mov esp, ebp
  sti
  ret
.fn: push eax
  add eax, 3
  push ecx
  add eax, [esp]
  pop edx
  pop edi
  xor eax, edi
  test ecx, 0x7f
  jnz .n
  mov [ebx+.n-.fn+2], dl
.n: add eax, 1
  dec ecx
  jnz .fn
  ret
.fnend:
; ---- two address spaces
t_cr3:
  mov dword [PT1], P0+7
  COPY f_add, P0, f_add_end-f_add
  COPY f_add, P3, f_add_end-f_add
  mov byte [P3+2], 0x21
  mov eax, cr3
  mov cr3, eax
  xor eax, eax
  xor edx, edx
  mov esi, 10
  mov ebx, L0
.o: mov ecx, [iters]
  call ebx
  push eax
  mov eax, cr3
  xor eax, PD^PD2
  mov cr3, eax
  pop eax
  mov ecx, 3
  call ebx
  dec esi
  jnz .o
  push eax
  mov eax, PD
  mov cr3, eax
  pop eax
  mov eax, edx
  ret
; ---- accessed and dirty bits taken away without a flush
t_abits:
  mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  mov eax, cr3
  mov cr3, eax
  COPY f_add, P0, f_add_end-f_add
  xor eax, eax
  xor edx, edx
  mov esi, 8
  mov ebx, L0
.o: mov ecx, [iters]
  call ebx
  mov [L0+0x1000], edx
  mov edi, [PT1]
  add edi, [PT1+4]
  add edx, edi
  and dword [PT1], ~0x60
  and dword [PT1+4], ~0x60
  test esi, 3
  jnz .n
  invlpg [L0]
.n: test esi, 1
  jnz .m
  inc byte [P0+2]
.m: dec esi
  jnz .o
  mov eax, edx
  ret
; ---- ring 3
t_user:
  mov dword [fixer], .fix
  mov dword [PT1+8], P2+3
  invlpg [L0+0x2000]
  mov [espsave], esp
  mov eax, esp
  push dword 0x23
  push dword 0x7c000
  pushfd
  push dword 0x1b
  push dword .user
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  iretd
.user: mov ecx, [iters]
  xor eax, eax
  mov ebx, L0+0x2000
.l: add eax, ecx
  push eax
  test ecx, 0xff
  jnz .n
  add eax, [ebx]
.n: pop edx
  add eax, edx
  dec ecx
  jnz .l
  mov [result], eax
  int 0x21
.fix: test dword [ebp+48], 1
  jnz .r
  or dword [PT1+8], 4
  cmp dword [ebp+40], 14
  jne .r
  invlpg [L0+0x2000]
.r: cmp dword [ebp+40], 14
  je .r2
  LOG 0xbad
  hlt
.r2: ret
; ---- prefixes
t_alu16:
  mov ecx, [iters]
  mov eax, 0x12345678
  mov ebx, 0x8000
  xor edx, edx
  mov dword [0x8004], 0x11223344
.l: add ax, cx
  adc dx, ax
  mov si, [bx+4]
  add esi, eax
  a16 lea edi, [bx+si]
  add [bx+8], di
  xchg al, ah
  push ax
  pop di
  a16 loop .m
.m: movzx esi, word [bx+8]
  rol dx, 3
  xor dl, dh
  sbb eax, esi
  inc ecx
  dec ecx
  jnz .l
  add eax, edx
  ret
t_x87:
  mov ecx, [iters]
  fninit
  fldz
  fld1
  mov dword [DATA+0x200], 3
.l: fadd st1, st0
  fild dword [DATA+0x200]
  fmul st0, st1
  fstp qword [DATA+0x208]
  mov eax, [DATA+0x20c]
  add [DATA+0x200], eax
  and dword [DATA+0x200], 0xffff
  cvtsi2sd xmm0, ecx
  addsd xmm1, xmm0
  dec ecx
  jnz .l
  movsd [DATA+0x210], xmm1
  fistp dword [DATA+0x218]
  fstp qword [DATA+0x220]
  mov eax, [DATA+0x200]
  add eax, [DATA+0x214]
  add eax, [DATA+0x224]
  ret
; ---- a data segment that ends
t_limit:
  mov dword [fixer], .fix
  mov bx, 0x48
  mov fs, bx
  mov ecx, [iters]
  xor eax, eax
  xor ebx, ebx
.l: add eax, [fs:ebx]
  add [fs:ebx+4], eax
  add ebx, 4
  dec ecx
  jnz .l
  mov bx, 0x10
  mov fs, bx
  ret
.fix: mov dword [ebp+24], 0
  ret
; ---- 4M pages: the mapping changes
t_big:
  COPY f_add, P0, f_add_end-f_add
  COPY f_add, P1, f_add_end-f_add
  mov byte [P1+2], 0x13
  mov dword [PT1+0x180], P1+7
  xor eax, eax
  xor edx, edx
  mov esi, 6
  mov ebx, 0x800000+P0
.o: mov ecx, [iters]
  call ebx
  LOG edx
  mov edi, [PD+8]
  cmp edi, PT1+7
  je .back
  test edi, 0x80
  jz .back
  mov dword [PD+8], PT1+7
  ; PT1[0x60] maps 0x860000 to P1
  jmp .fl
.back: mov dword [PD+8], 0x87
.fl: FLUSH 0x800000+P0
  dec esi
  jnz .o
  mov dword [PD+8], 0x87
  FLUSH 0x800000+P0
  mov eax, edx
  ret
t_ac: ; alignment, ring 3
  mov dword [fixer], .fix
  mov eax, cr0
  or eax, 0x40000
  mov cr0, eax
  mov [espsave], esp
  push dword .done
  mov [espsave], esp
  push dword 0x23
  push dword 0x7c000
  pushfd
  or dword [esp], 0x40000
  push dword 0x1b
  push dword .user
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  iretd
.user: mov ecx, [iters]
  xor eax, eax
  mov ebx, DATA
.l: add eax, [ebx]
  test ecx, 0x1ff
  jnz .n
  add eax, [ebx+1]
.n: dec ecx
  jnz .l
  mov [result], eax
  int 0x21
.done: mov ebx, cr0
  and ebx, ~0x40000
  mov cr0, ebx
  ret
.fix: add dword [ebp+48], 3
  ret
t_v86:
  mov dword [fixer], .fix
  mov dword [DATA+0x300], 0
  COPY v86code, 0x9000, v86end-v86code
  push dword .done
  mov [espsave], esp
  push dword 0 ; gs
  push dword 0
  push dword 0x4000 ; ds = 0x40000
  push dword 0
  push dword 0x2000 ; ss
  push dword 0xff00 ; esp
  pushfd
  or dword [esp], 0x20000
  push dword 0x900
  push dword 0
  mov cx, [iters]
  iretd
.done: mov eax, [DATA+0x300]
  ret
.fix: ; #GP from int 21 (IOPL 0): go on at done
  mov ax, 0x10
  mov ss, ax
  mov esp, [espsave]
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  sti
  ret
t_csbase2:
  mov dword [PT1], P0+7
  mov dword [PT1+4], P1+7
  mov eax, cr3
  mov cr3, eax
  mov esi, f_cs2
  mov edi, L0+0x800+0x10
  mov ecx, f_cs2_end-f_cs2
  rep movsb
  COPY P1, P2, 4096
  mov byte [P2+2], 9
  xor eax, eax
  xor edx, edx
  mov esi, 8
.l: mov ecx, [iters]
  push cs
  push .back
  jmp 0x30:L0+0x10
.back:
  LOG edx
  xor dword [PT1+4], P1^P2
  FLUSH L0+0x1000
  dec esi
  jnz .l
  mov ecx, [iters]
  push cs
  push .back2
  inc byte [P1+2]
  inc byte [P2+2]
  jmp 0x30:L0+0x10
.back2: mov eax, edx
  ret
f_cs2:
  inc eax
  jmp .c
.fn: add edx, eax
  ret
  times 0x7f0-5-($-f_cs2) nop
.c: call .fn
  add edx, 5
  dec ecx
  jz .o
  jmp f_cs2
.o: retf
f_cs2_end:
; ---- accesses across pages, one of which is missing
t_cross:
  mov dword [fixer], .fix
  mov dword [PT1+12], 0
  mov dword [PT1+16], P3+7
  invlpg [L0+0x3000]
  mov ecx, [iters]
  xor eax, eax
  mov ebx, L0+0x3ffc
  push ebx
  mov dword [PT1+12], P2+7
.l: add eax, [ebx]
  mov [ebx+1], eax
  mov dx, [ebx+3]
  add [ebx+2], edx
  test ecx, 0x7f
  jnz .n
  mov dword [PT1+12], 0
  test ecx, 0x80
  jnz .p
  mov dword [PT1+12], P2+5
  mov dword [PT1+16], 0
  invlpg [L0+0x4000]
.p: invlpg [L0+0x3000]
.n: dec ecx
  jnz .l
  pop ebx
  ret
.fix: mov edi, cr2
  shr edi, 12
  cmp edi, (L0+0x3000)>>12
  jne .o
  mov dword [PT1+12], P2+7
  ret
.o: mov dword [PT1+16], P3+7
  ret
; ---- global pages keep their translation
t_global:
  mov dword [PT1], P0+0x107
  invlpg [L0]
  COPY f_add, P0, f_add_end-f_add
  COPY f_add, P1, f_add_end-f_add
  mov byte [P1+2], 0x31
  xor eax, eax
  xor edx, edx
  mov ebx, L0
  mov ecx, [iters]
  call ebx
  mov dword [PT1], P1+0x107
  mov edi, cr3
  mov cr3, edi
  mov ecx, [iters]
  call ebx
  LOG edx
  mov edi, cr4
  xor edi, 0x80
  mov cr4, edi
  mov ecx, [iters]
  call ebx
  LOG edx
  xor edi, 0x80
  mov cr4, edi
  mov dword [PT1], P0+7
  invlpg [L0]
  mov ecx, [iters]
  call ebx
  mov eax, edx
  ret
bits 16
here16:
f16: add ax, 3
  mov bx, 20
.l: add ax, bx
  dec bx
  jnz .l
  o32 retf
v86code:
.l: add ax, cx
  add [0x300], ax
  inc word [0x302]
  dec cx
  jnz .l
  int 0x21
v86end:
