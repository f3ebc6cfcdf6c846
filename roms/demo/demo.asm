; The demo disk: a boot sector and one program that shows the machine it runs on, with a small
; menu. On a display it draws a coloured page; where there is none (fw_cfg says so, or there is no
; VGA) it prints the same as plain lines, which the BIOS sends to the serial port.
; It uses the BIOS's services: INT 10h, 13h, 15h, 16h, 1Ah.
; Build: node roms/build.mjs.
        cpu 686                 ; CPUID, if the processor says it has it
        bits 16
        org 0x7c00
SECTORS         equ 20          ; of the program
DISK_SIZE       equ 64 * 1024

start:  xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7000          ; on a page without code
        cld
        sti
        mov [drive], dl
        mov ax, 0x0200 + SECTORS
        mov bx, program
        mov cx, 0x0002
        mov dh, 0
        int 0x13
        jnc program
        mov si, .text
.next:  lodsb
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        test al, al
        jnz .next
.stop:  hlt
        jmp short .stop
.text:  db 'The demo disk cannot be read.', 13, 10, 0
        times 446 - ($ - $$) db 0
        db 0x80, 0, 2, 0, 0xda, 0, 63, 0        ; a partition without a file system
        dd 1, 127
        times 510 - ($ - $$) db 0
        dw 0xaa55

; ------------------------------------------------------------------------------------ program

BLACK           equ 0x00
TITLE_ATTR      equ 0x1f
BAR_ATTR        equ 0x30
FRAME_ATTR      equ 0x03
FRAME_TITLE     equ 0x0b
; In a text, a byte below 10h changes the colour.
%define GREY    7
%define DIM     8
%define CYAN    3
%define WHITE   15
%define YELLOW  14
%define BROWN   6
%define GREEN   10

program:
        call detect_display
main_page:
        cmp byte [plain], 0
        jne .lines
        call draw_frame
.lines: call greet
        call show_memory
        call show_disks
        cmp byte [plain], 0
        jne .text
        call menu_help          ; the page is whole before the speed is measured
        call show_processor
        jmp menu
.text:  call show_processor
        call menu_help
        jmp menu

; Is there a display? Port 510h, item 4 says that there is none; a VGA keeps what is written to it.
detect_display:
        mov byte [plain], 0
        mov dx, 0x510
        xor ax, ax
        out dx, ax
        inc dx
        mov si, .signature
        mov cx, 4
.sign:  in al, dx
        cmp al, [si]
        jne .vga
        inc si
        loop .sign
        dec dx
        mov ax, 4
        out dx, ax
        inc dx
        in al, dx
        test al, al
        jnz .none
.vga:   mov dx, 0x3ce
        mov ax, 0x5508
        out dx, ax
        inc dx
        in al, dx
        mov ah, al
        mov al, 0xff
        out dx, al
        cmp ah, 0x55
        je .done
.none:  mov byte [plain], 1
.done:  ret
.signature:
        db 'QEMU'

; ---------------------------------------------------------------------------------- the page

draw_frame:
        mov ax, 0x0003
        int 0x10
        mov ah, 0x01            ; no cursor
        mov cx, 0x2000
        int 0x10
        mov dx, 0x0000
        mov bl, TITLE_ATTR
        call bar
        mov dx, 0x1800
        mov bl, BAR_ATTR
        call bar
        mov dx, 0x0002
        mov bl, TITLE_ATTR
        mov si, text_title
        call put
        mov dx, 0x0203
        mov bp, 6
        mov si, text_bird
.bird:  mov bl, BROWN
        call put
        inc dh
        dec bp
        jnz .bird
        mov si, boxes
.box:   lodsw
        test ax, ax
        jz .done
        mov dx, ax
        lodsw
        mov cx, ax
        call box
        jmp short .box
.done:  ret

; Row DH in attribute BL.
bar:    mov bh, 0
        mov ah, 0x02
        int 0x10
        mov ax, 0x0920
        mov cx, 80
        int 0x10
        ret

; A frame from row DH, column DL with CL columns and CH rows; its title follows at SI.
box:    push dx
        mov bl, FRAME_ATTR
        mov al, 0xda
        mov ah, 0xbf
        call .edge
        pop dx
        push dx
        mov bl, FRAME_TITLE
        add dl, 2
        push cx
        call put
        pop cx
        pop dx
        mov bl, FRAME_ATTR
        sub ch, 2
.side:  inc dh
        mov al, 0xb3
        call put_char
        push dx
        add dl, cl
        dec dl
        call put_char
        pop dx
        dec ch
        jnz .side
        inc dh
        mov al, 0xc0
        mov ah, 0xd9
; Corner AL, a line, corner AH.
.edge:  push cx
        push dx
        push ax
        call put_char
        inc dl
        sub cl, 2
.line:  mov al, 0xc4
        call put_char
        inc dl
        dec cl
        jnz .line
        pop ax
        mov al, ah
        call put_char
        pop dx
        pop cx
        ret

; AL in attribute BL at row DH, column DL.
put_char:
        pusha
        push ax
        mov bh, 0
        mov ah, 0x02
        int 0x10
        pop ax
        mov ah, 0x09
        mov cx, 1
        int 0x10
        popa
        ret

; The string at SI in attribute BL at row DH, column DL; SI behind it.
put:    push ax
        push bx
        push dx
.next:  lodsb
        test al, al
        jz .done
        cmp al, 0x10
        jb .colour
        call put_char
        inc dl
        jmp short .next
.colour:
        and bl, 0xf0
        or bl, al
        jmp short .next
.done:  pop dx
        pop bx
        pop ax
        ret

; ----------------------------------------------------------------------------- lines of a section
; A section is a heading and lines. On a display the heading is the box's and the lines go into
; the box; else all are printed one below the other.

; Starts the section whose record is at SI: row, column, lines, heading.
begin_section:
        lodsb
        mov [line_row], al
        lodsb
        mov [line_column], al
        lodsb
        mov [lines_left], al
        cmp byte [plain], 0
        je .done
        call new_line
        call print
        call new_line
.done:  mov di, line
        ret

; Ends the line that was put together up to DI, and starts the next.
end_line:
        cmp byte [di - 1], ' '
        jne .end
        dec di
.end:   mov byte [di], 0
        mov di, line
        pusha
        cmp byte [lines_left], 0
        je .done
        dec byte [lines_left]
        mov si, line
        cmp byte [plain], 0
        jne .plain
        mov dh, [line_row]
        mov dl, [line_column]
        mov bl, GREY
        call put
        inc byte [line_row]
.done:  popa
        ret
.plain: mov si, text_indent
        call print
        mov si, line
        call print
        call new_line
        popa
        ret

print:  lodsb
        test al, al
        jz .done
        cmp al, 0x10
        jb print
        call teletype
        jmp short print
.done:  ret

teletype:
        push bx
        mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
        pop bx
        ret

new_line:
        mov al, 13
        call teletype
        mov al, 10
        jmp short teletype

; Appends the string at SI.
add_text:
        lodsb
        stosb
        test al, al
        jnz add_text
        dec di
        ret

%macro ADD 1+
        mov si, %%text
        call add_text
        jmp short %%after
%%text: db %1, 0
%%after:
%endmacro

; Appends EAX in decimal, CL columns wide.
add_number:
        pushad
        movzx bp, cl
        xor cx, cx
        mov ebx, 10
.digit: xor edx, edx
        div ebx
        push dx
        inc cx
        test eax, eax
        jnz .digit
.pad:   cmp bp, cx
        jbe .out
        mov al, ' '
        stosb
        dec bp
        jmp short .pad
.out:   pop ax
        add al, '0'
        stosb
        loop .out
        mov [number_end], di
        popad
        mov di, [number_end]
        ret

; Appends EAX in hexadecimal, CL digits.
add_hex:
        push ecx
        push eax
        mov ch, cl
        shl cl, 2
        neg cl
        and cl, 31
        rol eax, cl
.digit: rol eax, 4
        push eax
        and al, 0x0f
        cmp al, 10
        sbb al, 0x69
        das
        stosb
        pop eax
        dec ch
        jnz .digit
        pop eax
        pop ecx
        ret

; Appends the address EDX:EAX.
add_address:
        push eax
        mov eax, edx
        mov cl, 1
        test eax, eax
        jz .low
        call add_hex
.low:   pop eax
        mov cl, 8
        jmp add_hex

; Appends EAX KiB in the unit that suits, the number 6 wide.
add_size:
        mov cl, 6
        mov si, .kib
        cmp eax, 10240
        jb .number
        shr eax, 10
        mov si, .mib
        cmp eax, 10240
        jb .number
        shr eax, 10
        mov si, .gib
.number:
        call add_number
        jmp add_text
.kib:   db ' KiB', 0
.mib:   db ' MiB', 0
.gib:   db ' GiB', 0

; ------------------------------------------------------------------------------------- sections

greet:  cmp byte [plain], 0
        je .box
        call new_line
        mov si, text_title
        call print
        call new_line
.box:   mov si, section_greeting
        call begin_section
        mov bp, 4
        mov si, text_greeting
.line:  call add_text
        push si
        call end_line
        pop si
        dec bp
        jnz .line
        ret

show_memory:
        mov si, section_memory
        call begin_section
        mov dword [total], 0
        xor ebx, ebx
.entry: mov eax, 0xe820
        mov edx, 0x534d4150     ; SMAP
        mov ecx, 20
        push di
        mov di, range
        int 0x15
        pop di
        jc .total
        cmp eax, 0x534d4150
        jne .total
        push ebx
        ADD WHITE
        mov eax, [range]
        mov edx, [range + 4]
        call add_address
        ADD DIM, '-', WHITE
        mov eax, [range]
        mov edx, [range + 4]
        add eax, [range + 8]
        adc edx, [range + 12]
        sub eax, 1
        sbb edx, 0
        call add_address
        mov eax, [range + 8]
        mov edx, [range + 12]
        shrd eax, edx, 10
        push eax
        ADD GREY
        pop eax
        cmp dword [range + 16], 1
        jne .reserved
        add [total], eax
        call add_size
        ADD GREEN, ' RAM'
        jmp short .end
.reserved:
        call add_size
        cmp dword [range + 16], 3
        je .tables
        ADD DIM, ' reserved'
        jmp short .end
.tables:
        ADD DIM, ' ACPI'
.end:   call end_line
        pop ebx
        cmp byte [lines_left], 2
        jb .total
        test ebx, ebx
        jnz .entry
.total: ADD CYAN, 'Usable', WHITE
        mov eax, [total]
        call add_size
        jmp end_line

show_processor:
        mov si, section_processor
        call begin_section
        pushfd                  ; CPUID is there if this flag can be changed
        pop eax
        mov ecx, eax
        xor eax, 1 << 21
        push eax
        popfd
        pushfd
        pop eax
        cmp eax, ecx
        jne .cpuid
        ADD CYAN, 'Model    ', WHITE, 'one without CPUID'
        call end_line
        jmp .speed
.cpuid: xor eax, eax
        cpuid
        mov [range], ebx
        mov [range + 4], edx
        mov [range + 8], ecx
        mov byte [range + 12], 0
        ADD CYAN, 'Vendor   ', WHITE
        mov si, range
        call add_text
        call end_line
        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000004
        jb .family
        ADD CYAN, 'Name     ', WHITE
        mov dword [leaf], 0x80000002
        mov bp, brand
.brand: mov eax, [leaf]
        cpuid
        mov [bp], eax
        mov [bp + 4], ebx
        mov [bp + 8], ecx
        mov [bp + 12], edx
        add bp, 16
        inc dword [leaf]
        cmp dword [leaf], 0x80000004
        jbe .brand
        mov byte [brand + 24], 0        ; as much as the box holds
        mov si, brand - 1
.blank: inc si
        cmp byte [si], ' '
        je .blank
        call add_text
        call end_line
.family:
        mov eax, 1
        cpuid
        mov [features], edx
        mov [features + 4], ecx
        push eax
        ADD CYAN, 'Family   ', WHITE
        pop eax
        push eax
        shr eax, 8
        and eax, 15
        mov cl, 1
        call add_number
        ADD CYAN, ' model ', WHITE
        pop eax
        push eax
        mov edx, eax
        shr edx, 12
        and edx, 0xf0
        shr eax, 4
        and eax, 15
        or eax, edx
        call add_number
        ADD CYAN, ' stepping ', WHITE
        pop eax
        and eax, 15
        call add_number
        call end_line
        ADD CYAN, 'Has      ', WHITE
        mov si, feature_names
.feature:
        lodsb
        cmp al, 0xff
        je .features_end
        movzx eax, al
        bt [features], eax
        jc .has
.skip:  lodsb
        test al, al
        jnz .skip
        jmp short .feature
.has:   mov ax, di              ; a second line when the first is full
        sub ax, line + 30
        jb .fits
        push si
        call end_line
        ADD '         ', WHITE
        pop si
.fits:  call add_text
        mov al, ' '
        stosb
        jmp short .feature
.features_end:
        call end_line
.speed: call measure_speed
        mov di, line
        ADD CYAN, 'Speed    ', WHITE
        mov eax, [speed]
        mov cl, 1
        call add_number
        ADD ' million steps/s'
        jmp end_line

WINDOWS         equ 12          ; at most
NO_BETTER       equ 3           ; so many without a better one are enough

; Counts the rounds of a two-instruction loop during two clock ticks; the best of some windows,
; because a processor that translates code gets faster while it runs.
measure_speed:
        mov dword [speed], 0
        mov byte [no_better], 0
        mov bp, WINDOWS
        call tick
        mov bx, dx
.edge:  call tick
        cmp bx, dx
        je .edge
.window:
        cmp byte [plain], 0
        jne .count
        pusha                   ; a dot for each window
        mov ax, WINDOWS
        sub ax, bp
        mov dh, [line_row]
        mov dl, [line_column]
        add dl, al
        mov al, '.'
        mov bl, DIM
        call put_char
        popa
.count: mov bx, dx
        xor esi, esi
.round: mov ecx, 4096
.loop:  dec ecx
        jnz .loop
        inc esi
        call tick
        mov ax, dx
        sub ax, bx
        cmp ax, 2
        jb .round
        imul eax, esi, 75       ; rounds * 8192 instructions * 18.2 / 2 / a million
        push dx
        xor edx, edx
        mov ecx, 1000
        div ecx
        pop dx
        cmp eax, [speed]
        ja .better
        inc byte [no_better]
        cmp byte [no_better], NO_BETTER
        jae .done
        jmp short .next
.better:
        mov [speed], eax
        mov byte [no_better], 0
.next:  dec bp
        jnz .window
.done:  ret

; DX = the clock's ticks. Changes AX, CX.
tick:   mov ah, 0
        int 0x1a
        ret

show_disks:
        mov si, section_disks
        call begin_section
        mov byte [this_drive], 0x80
.drive: mov word [edd], 26
        mov dl, [this_drive]
        mov ah, 0x48
        mov si, edd
        int 0x13
        jc .next
        ADD CYAN, 'Disk '
        movzx eax, byte [this_drive]
        mov cl, 2
        call add_hex
        ADD 'h', WHITE
        mov eax, [edd + 16]
        mov edx, [edd + 20]
        shrd eax, edx, 1
        call add_size
        mov al, [this_drive]
        cmp al, [drive]
        jne .end
        ADD GREY, ', started here'
.end:   call end_line
.next:  inc byte [this_drive]
        cmp byte [this_drive], 0x84
        jb .drive
        ret

; ----------------------------------------------------------------------------------------- menu

menu_help:
        cmp byte [plain], 0
        jne .plain
        mov dx, 0x1802
        mov bl, BAR_ATTR
        mov si, text_menu
        jmp put
.plain: call new_line
        mov si, text_menu
        call print
        call new_line
        mov si, text_prompt
        jmp print

menu:   mov byte [typed], 0
.wait:  mov ah, 0x01
        int 0x16
        jnz .key
        call show_time
        hlt
        jmp short .wait
.key:   mov ah, 0x00
        int 0x16
        cmp byte [page], 0
        jne .back
        or al, 0x20
        cmp al, 'r'
        je restart
        cmp al, 'p'
        je power_off
        cmp al, 'c'
        je character_page
        cmp al, 'm'
        je main_again
        cmp al, '!'             ; what cannot be seen is not shown
        jb .wait
        cmp al, 0x7e
        ja .wait
        call echo
        jmp short .wait
.back:  mov byte [page], 0
main_again:
        jmp main_page

; Shows the key AL.
echo:   cmp byte [plain], 0
        jne .plain
        mov bl, 0x3f
        mov dx, 0x1845
        call put_char
        ret
.plain: call teletype
        call new_line
        mov si, text_prompt
        jmp print

; The time of day in the title, when it changes.
show_time:
        cmp byte [plain], 0
        jne .done
        mov ah, 0x02
        int 0x1a
        jc .done
        cmp dh, [second]
        je .done
        mov [second], dh
        mov di, line
        mov al, ch
        call .field
        mov al, ':'
        stosb
        mov al, cl
        call .field
        mov al, ':'
        stosb
        mov al, dh
        call .field
        mov byte [di], 0
        mov si, line
        mov dx, 0x0046
        mov bl, TITLE_ATTR
        call put
.done:  ret
.field: mov ah, al
        shr al, 4
        and ah, 15
        add ax, 0x3030
        stosw
        ret

; All characters and all colours.
character_page:
        cmp byte [plain], 0
        jne .plain
        mov byte [page], 1
        mov ax, 0x0003
        int 0x10
        mov ah, 0x01
        mov cx, 0x2000
        int 0x10
        mov dx, 0x0000
        mov bl, TITLE_ATTR
        call bar
        mov dx, 0x1800
        mov bl, BAR_ATTR
        call bar
        mov dx, 0x1802
        mov si, text_back
        call put
        mov dx, 0x0002
        mov bl, TITLE_ATTR
        mov si, text_characters
        call put
        xor ax, ax
.char:  mov dl, al
        and dl, 15
        add dl, dl
        add dl, 3
        mov dh, al
        shr dh, 4
        add dh, 4
        mov bl, 0x0f
        call put_char
        inc al
        jnz .char
.colour:
        mov bl, al
        mov dl, al
        and dl, 15
        add dl, dl
        add dl, 44
        mov dh, al
        shr dh, 4
        add dh, dh
        add dh, 4
        push ax
        mov al, 0x02
        call put_char
        inc dl
        mov al, ' '
        call put_char
        inc dh
        call put_char
        dec dl
        call put_char
        pop ax
        inc al
        jns .colour
        jmp menu
.plain: call new_line
        mov al, ' '             ; a terminal: what everybody can show
.next:  call teletype
        inc al
        cmp al, 127
        jb .next
        call new_line
        mov si, text_prompt
        call print
        jmp menu

restart:
        mov si, text_restart
        call farewell
        mov dx, 0xcf9
        mov al, 2
        out dx, al
        mov al, 6
        out dx, al
        mov al, 0xfe
        out 0x64, al
.wait:  hlt
        jmp short .wait

; The PIIX4's sleep register, found through the PCI BIOS.
power_off:
        mov si, text_off
        call farewell
        mov ax, 0xb102
        mov cx, 0x7113
        mov dx, 0x8086
        xor si, si
        int 0x1a
        jc .failed
        mov ax, 0xb109
        mov di, 0x40
        int 0x1a
        jc .failed
        and cx, 0xffc0
        jz .failed
        mov dx, cx
        add dx, 4
        mov ax, 0x2000          ; soft off, now
        out dx, ax
        mov cx, 18
.wait:  hlt
        loop .wait
.failed:
        mov si, text_not_off
        call farewell
        jmp menu

; The message at SI.
farewell:
        cmp byte [plain], 0
        jne .plain
        push si
        mov dx, 0x1800
        mov bl, BAR_ATTR
        call bar
        pop si
        mov dx, 0x1802
        jmp put
.plain: call print
        jmp new_line

; ----------------------------------------------------------------------------------------- data

boxes:  dw 0x0901, 0x0e29       ; row and column, rows and columns
        db ' Memory ', 0
        dw 0x092b, 0x0924
        db ' Processor ', 0
        dw 0x122b, 0x0524
        db ' Disks ', 0
        dw 0

section_greeting:
        db 3, 22, 4, 0
section_memory:
        db 10, 3, 12, 'Memory', 0
section_processor:
        db 10, 45, 7, 'Processor', 0
section_disks:
        db 19, 45, 3, 'Disks', 0

text_title:
        db 'tinamou demo', 0
text_greeting:
        db YELLOW, 'Hello! This PC is made of TypeScript.', 0
        db 'Its processor, chips and disks are tinamou, a PC emulator;', 0
        db 'its BIOS found this demo disk and started it.', 0
        db 'Below is what the BIOS says of the machine.', 0
text_bird:
        db '         .--.', 0
        db "   .----'  o >", 0
        db '  (  ~~~   /', 0
        db "   `-.__..'", 0
        db YELLOW, '      | |', 0
        db YELLOW, '      ^ ^', 0
text_menu:
        db 'r restart   p power off   c characters   m main page', 0
text_prompt:
        db 'Key? ', 0
text_back:
        db 'Any key goes back', 0
text_characters:
        db 'Characters and colours', 0
text_restart:
        db 'Restarting', 0
text_off:
        db 'Switching off', 0
text_not_off:
        db 'This machine cannot switch itself off', 0
text_indent:
        db '  ', 0
feature_names:
        db 0, 'FPU', 0, 4, 'TSC', 0, 8, 'CX8', 0, 9, 'APIC', 0, 11, 'SEP', 0, 13, 'PGE', 0
        db 15, 'CMOV', 0, 6, 'PAE', 0, 23, 'MMX', 0, 25, 'SSE', 0, 26, 'SSE2', 0
        db 32, 'SSE3', 0, 0xff

drive           equ 0x500       ; variables below the program
plain           equ 0x501
line_row        equ 0x502
line_column     equ 0x503
lines_left      equ 0x504
page            equ 0x505
typed           equ 0x506
second          equ 0x507
this_drive      equ 0x508
no_better       equ 0x509
number_end      equ 0x50a
total           equ 0x50c
leaf            equ 0x510
speed           equ 0x514
features        equ 0x518
range           equ 0x520
edd             equ 0x540
brand           equ 0x560
line            equ 0x600

        times DISK_SIZE - ($ - $$) db 0
